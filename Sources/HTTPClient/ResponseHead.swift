import HTTP

/// The head of a response, line by line.
///
/// Interim responses (RFC 9110, section 15.2) are forgotten when the next one begins, and trailer fields, which libcurl
/// reports in the same way, are ignored.
struct ResponseHead {
    /// How long a head may be, in bytes, interim responses included.
    static let maxBytes = 64 << 10

    private(set) var status = Status(rawValue: 0)
    private(set) var fields: Fields = [:]
    private(set) var isComplete = false
    private var byteCount = 0

    struct Malformed: Error, Equatable {
        let reason: String
    }

    /// Takes a line with the CR and LF at its end.
    mutating func append(line: Span<UInt8>) throws(Malformed) {
        guard !isComplete else { return }
        byteCount += line.count
        guard byteCount <= Self.maxBytes else {
            throw Malformed(reason: "its head is longer than \(Self.maxBytes) bytes")
        }
        let line = line.extracting(line.rangeWithoutLineEnd)
        if line.isEmpty {
            try finish()
        } else if line.extracting(first: Self.statusLineStart.utf8.count).equals(Self.statusLineStart) {
            try begin(line)
        } else if let colon = line.firstIndex(of: UInt8(ascii: ":")) {
            let value = line.extracting((colon + 1)...)
            fields.append(
                String(copyingText: line.extracting(..<colon)),
                String(copyingText: value.extracting(value.trimmedRange)))
        }
    }

    private static let statusLineStart = "HTTP/"
    /// As many as most answers have.
    private static let usualFieldCount = 16

    private mutating func begin(_ statusLine: Span<UInt8>) throws(Malformed) {
        guard let code = statusLine.statusCode, (100...999).contains(code) else {
            let shown = String(copyingText: statusLine.extracting(first: 100))
            throw Malformed(reason: "its status line is \(shown.debugDescription)")
        }
        status = Status(rawValue: code)
        fields = [:]
        fields.reserveCapacity(Self.usualFieldCount)
    }

    private mutating func finish() throws(Malformed) {
        guard status.rawValue != 101 else { throw Malformed(reason: "it switches protocols, which nobody asked for") }
        isComplete = status.rawValue >= 200
    }
}

extension Span<UInt8> {
    fileprivate var rangeWithoutLineEnd: Range<Int> {
        var end = count
        while end > 0, self[end - 1] == 0x0A || self[end - 1] == 0x0D { end -= 1 }
        return 0..<end
    }

    /// The second word of a status line (RFC 9112, section 4).
    fileprivate var statusCode: Int? {
        let space = UInt8(ascii: " ")
        guard let end = firstIndex(of: space) else { return nil }
        let rest = extracting(end...)
        let words = rest.extracting(rest.trimmedRange)
        return words.extracting(..<(words.firstIndex(of: space) ?? words.count)).decimal
    }
}
