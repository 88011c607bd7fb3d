/// The part of a file that a `Range` field asks for (RFC 9110, section 14.1.2).
package enum ByteRange: Sendable, Hashable {
    case satisfiable(Range<Int64>)
    /// Beyond the end: the answer is 416.
    case unsatisfiable

    /// Reads a field's value against a file's length in bytes.
    ///
    /// `nil` when the field is to be ignored and the whole file sent: other units, several ranges, mistakes (RFC 9110,
    /// section 14.2).
    package init?(_ field: some StringProtocol, length: Int64) {
        let halves = Substring(field).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard halves.count == 2, halves[0].trimmingOptionalWhitespace.equalsIgnoringASCIICase("bytes") else {
            return nil
        }
        let bounds = halves[1].trimmingOptionalWhitespace.split(separator: "-", omittingEmptySubsequences: false)
        guard bounds.count == 2 else { return nil }
        switch (Self.position(bounds[0]), Self.position(bounds[1])) {
        case (nil, let suffix?) where bounds[0].isEmpty:
            self = suffix == 0 || length <= 0 ? .unsatisfiable : .satisfiable(max(0, length - suffix)..<length)
        case (let first?, nil) where bounds[1].isEmpty:
            self = first < length ? .satisfiable(first..<length) : .unsatisfiable
        case (let first?, let last?) where first <= last:
            self = first < length ? .satisfiable(first..<(min(last, length - 1) + 1)) : .unsatisfiable
        default: return nil
        }
    }

    /// The value of the answer's `Content-Range` field (RFC 9110, section 14.4).
    package func contentRange(length: Int64) -> String {
        switch self {
        case .satisfiable(let range): "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(length)"
        case .unsatisfiable: "bytes */\(length)"
        }
    }

    /// A number of digits only; one too large for 64 bits is beyond every file anyway.
    private static func position(_ text: some StringProtocol) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else { return nil }
        return Int64(text) ?? .max
    }
}
