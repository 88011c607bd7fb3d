import Base64

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
        position += Base64Vectors.encode(bytes.extracting(position...), into: &text)
        position = Self.encodeBlocks(bytes, from: position, into: &text)
        while position < bytes.count {
            rest = rest << 8 | UInt32(bytes[position])
            restCount += 1
            position += 1
            if restCount == 3 { appendRest(to: &text) }
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
        for shift in [18, 12, 6, 0] as [UInt32] {
            text.append(Self.character(for: UInt8(truncatingIfNeeded: rest >> shift & 63)))
        }
        rest = 0
        restCount = 0
    }

    /// Bytes that are encoded at once: two words of six.
    private static let blockLength = 12

    /// Encodes whole blocks, and returns where the rest begins.
    ///
    /// Where the processor has no vectors that do, almost every byte of an image passes here: a load from a table gives two
    /// characters.
    private static func encodeBlocks(_ bytes: Span<UInt8>, from start: Int, into text: inout [UInt8]) -> Int {
        let pairs = characterPairs.span
        var index = start
        text.append(addingCapacity: (bytes.count - start) / blockLength * 16) { text in
            while bytes.count - index >= blockLength {
                let block = bytes.extracting(index..<(index + blockLength))
                for half in 0..<2 {
                    var bits: UInt64 = 0
                    for offset in 0..<6 { bits = bits << 8 | UInt64(block[6 * half + offset]) }
                    for number in 0..<4 {
                        let pair = pairs[Int(bits >> UInt64(36 - 12 * number) & 0xFFF)]
                        text.append(UInt8(truncatingIfNeeded: pair))
                        text.append(UInt8(truncatingIfNeeded: pair >> 8))
                    }
                }
                index += blockLength
            }
        }
        return index
    }

    /// The two characters for twelve bits, the first one in the low byte.
    private static let characterPairs: [UInt16] = (0..<4096).map { bits in
        UInt16(character(for: UInt8(bits >> 6))) | UInt16(character(for: UInt8(bits & 63))) << 8
    }

    /// The character for six bits.
    private static func character(for value: UInt8) -> UInt8 {
        var character = value &+ UInt8(ascii: "A")
        character = value >= 26 ? value &- 26 &+ UInt8(ascii: "a") : character
        character = value >= 52 ? value &- 52 &+ UInt8(ascii: "0") : character
        character = value == 62 ? UInt8(ascii: "+") : character
        character = value == 63 ? UInt8(ascii: "/") : character
        return character
    }
}
