/// Writes bytes that come in pieces as base64 text (RFC 4648, section 4): the standard alphabet, padded.
///
/// What the pieces are makes no difference to the text.
package struct Base64Encoder: Sendable {
    /// The bytes after the last whole group of three, two at most, the first one in the high bits.
    private var rest: UInt32 = 0
    private var restCount = 0

    package init() {}

    /// How long the text of so many bytes is; `nil` if that is more than an `Int` can hold.
    package static func length(of count: Int) -> Int? {
        let groups = count / 3 + (count.isMultiple(of: 3) ? 0 : 1)
        let (length, isOverflow) = groups.multipliedReportingOverflow(by: 4)
        return isOverflow ? nil : length
    }

    /// Appends the text of all whole groups of three bytes, and remembers what is left over.
    package mutating func encode(_ bytes: Span<UInt8>, into text: inout [UInt8]) {
        var position = 0
        // Complete the group that the last piece began.
        while restCount > 0, position < bytes.count {
            rest = rest << 8 | UInt32(bytes[position])
            restCount += 1
            position += 1
            if restCount == 3 { appendRest(to: &text) }
        }
        let groups = (bytes.count - position) / 3
        let alphabet = Self.alphabet
        text.append(addingCapacity: groups * 4) { text in
            for _ in 0..<groups {
                let group =
                    UInt32(bytes[position]) << 16 | UInt32(bytes[position + 1]) << 8 | UInt32(bytes[position + 2])
                text.append(alphabet[Int(group >> 18)])
                text.append(alphabet[Int(group >> 12 & 63)])
                text.append(alphabet[Int(group >> 6 & 63)])
                text.append(alphabet[Int(group & 63)])
                position += 3
            }
        }
        while position < bytes.count {
            rest = rest << 8 | UInt32(bytes[position])
            restCount += 1
            position += 1
        }
    }

    /// Appends the text of all whole groups of three bytes, and remembers what is left over.
    package mutating func encode(_ bytes: ArraySlice<UInt8>, into text: inout [UInt8]) {
        encode(bytes.span, into: &text)
    }

    /// Appends the end of the text with its padding; the encoder is then as new.
    package mutating func finish(into text: inout [UInt8]) {
        guard restCount > 0 else { return }
        let padding = 3 - restCount
        rest <<= 8 * UInt32(padding)
        appendRest(to: &text)
        for index in text.count - padding..<text.count { text[index] = UInt8(ascii: "=") }
    }

    private mutating func appendRest(to text: inout [UInt8]) {
        for shift in [18, 12, 6, 0] as [UInt32] { text.append(Self.alphabet[Int(rest >> shift & 63)]) }
        rest = 0
        restCount = 0
    }

    private static let alphabet: InlineArray<64, UInt8> = {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        return InlineArray { letters[$0] }
    }()
}
