import Base64

/// Decodes base64 as it arrives, in pieces cut anywhere (RFC 4648, sections 4 and 5).
///
/// Generous in what it takes, because images come from many hands: both alphabets, spaces and line breaks anywhere, padding
/// or none. Strict in what would corrupt an image: other characters, text after the padding, a single character left over.
package struct Base64Decoder: Sendable {
    /// Characters of a group of four that have come, and their bits.
    private var pending = 0
    private var bits: UInt32 = 0
    private var paddings = 0
    private var offset = 0

    package init() {}

    /// Decodes the next characters and adds their bytes to `output`.
    package mutating func decode(_ text: Span<UInt8>, into output: inout [UInt8]) throws(Base64Error) {
        var index = 0
        while index < text.count {
            if pending == 0, paddings == 0 {
                index += Base64Vectors.decode(text.extracting(index...), into: &output)
                index = Self.decodeGroups(text, from: index, into: &output)
                guard index < text.count else { break }
            }
            try decode(text[index], at: offset + index, into: &output)
            index += 1
        }
        offset += text.count
    }

    /// Ends the text and adds its last bytes.
    package mutating func finish(into output: inout [UInt8]) throws(Base64Error) {
        switch pending {
        case 0: break
        case 2: output.append(UInt8(truncatingIfNeeded: bits >> 4))
        case 3:
            output.append(UInt8(truncatingIfNeeded: bits >> 10))
            output.append(UInt8(truncatingIfNeeded: bits >> 2))
        default: throw .truncated(offset: offset)
        }
        self = Base64Decoder()
    }

    /// Decodes groups of four characters up to the first that holds anything else, and returns where that is.
    ///
    /// Where the processor has no vectors that do, almost every character of an image passes here: four loads and three
    /// ORs make the 24 bits of a group, and tell whether all of it is in the alphabet.
    private static func decodeGroups(_ text: Span<UInt8>, from start: Int, into output: inout [UInt8]) -> Int {
        var index = start
        output.append(addingCapacity: (text.count - start) / 4 * 3) { output in
            while text.count - index >= 4 {
                let group = text.extracting(index..<(index + 4))
                let bits = first[Int(group[0])] | second[Int(group[1])] | third[Int(group[2])] | fourth[Int(group[3])]
                guard bits < notInGroup else { return }
                output.append(UInt8(truncatingIfNeeded: bits >> 16))
                output.append(UInt8(truncatingIfNeeded: bits >> 8))
                output.append(UInt8(truncatingIfNeeded: bits))
                index += 4
            }
        }
        return index
    }

    /// What a byte adds to the 24 bits of its group, by its place in there; ``notInGroup`` if it is not in the alphabet.
    private static let first = bitsOfGroup(shift: 18)
    private static let second = bitsOfGroup(shift: 12)
    private static let third = bitsOfGroup(shift: 6)
    private static let fourth = bitsOfGroup(shift: 0)
    private static let notInGroup: UInt32 = 1 << 24

    private static func bitsOfGroup(shift: UInt32) -> InlineArray<256, UInt32> {
        InlineArray { byte in
            let value = value(of: UInt8(byte))
            return value < notInAlphabet ? UInt32(value) << shift : notInGroup
        }
    }

    private mutating func decode(_ byte: UInt8, at offset: Int, into output: inout [UInt8]) throws(Base64Error) {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"): break
        case UInt8(ascii: "="):
            guard pending >= 2, pending + paddings < 4 else { throw .unexpectedPadding(offset: offset) }
            paddings += 1
        default:
            let value = Self.value(of: byte)
            guard value < Self.notInAlphabet else { throw .invalidCharacter(byte, offset: offset) }
            guard paddings == 0 else { throw .textAfterPadding(offset: offset) }
            bits = bits << 6 | UInt32(value)
            pending += 1
            guard pending == 4 else { return }
            for shift in [16, 8, 0] { output.append(UInt8(truncatingIfNeeded: bits >> shift)) }
            (pending, bits) = (0, 0)
        }
    }

    /// The six bits that a character of either alphabet stands for; ``notInAlphabet`` or more for any other byte.
    private static func value(of byte: UInt8) -> UInt8 {
        var value: UInt8 = 0xFF
        value = byte &- UInt8(ascii: "A") < 26 ? byte &- UInt8(ascii: "A") : value
        value = byte &- UInt8(ascii: "a") < 26 ? byte &- UInt8(ascii: "a") &+ 26 : value
        value = byte &- UInt8(ascii: "0") < 10 ? byte &- UInt8(ascii: "0") &+ 52 : value
        value = byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") ? 62 : value
        value = byte == UInt8(ascii: "/") || byte == UInt8(ascii: "_") ? 63 : value
        return value
    }

    private static let notInAlphabet: UInt8 = 0x40
}

/// Why a text is not base64, and after how many bytes of it.
package enum Base64Error: Error, Sendable, Hashable {
    case invalidCharacter(UInt8, offset: Int)
    case unexpectedPadding(offset: Int)
    case textAfterPadding(offset: Int)
    case truncated(offset: Int)
}

extension Base64Error: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalidCharacter(let byte, let offset):
            (0x21...0x7E).contains(byte)
                ? "'\(Unicode.Scalar(byte))' at offset \(offset) is not base64"
                : "the byte \(byte) at offset \(offset) is not base64"
        case .unexpectedPadding(let offset): "the base64 padding '=' at offset \(offset) does not belong there"
        case .textAfterPadding(let offset): "the base64 goes on after its padding, at offset \(offset)"
        case .truncated(let offset): "the base64 ends in the middle of a byte, at offset \(offset)"
        }
    }
}
