/// Decodes base64 as it arrives, in pieces cut anywhere (RFC 4648, sections 4 and 5).
///
/// Generous in what it takes, because images come from many hands: both alphabets, spaces and line breaks anywhere, padding
/// or none. Strict in what would corrupt an image: other characters, text after the padding, a single character left over.
package struct Base64Decoder: Sendable {
    /// What a byte stands for: its six bits, or one of the numbers below.
    private static let table: InlineArray<256, UInt8> = makeTable()
    private static let blank: UInt8 = 0x40
    private static let padding: UInt8 = 0x41
    private static let invalid: UInt8 = 0xFF

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
    private static func decodeGroups(_ text: Span<UInt8>, from start: Int, into output: inout [UInt8]) -> Int {
        let table = Self.table
        var index = start
        output.append(addingCapacity: (text.count - start) / 4 * 3) { output in
            while text.count - index >= 4 {
                let group = text.extracting(index..<(index + 4))
                let (first, second) = (table[Int(group[0])], table[Int(group[1])])
                let (third, fourth) = (table[Int(group[2])], table[Int(group[3])])
                guard first | second | third | fourth < 0x40 else { return }
                output.append(first << 2 | second >> 4)
                output.append(second << 4 | third >> 2)
                output.append(third << 6 | fourth)
                index += 4
            }
        }
        return index
    }

    private mutating func decode(_ byte: UInt8, at offset: Int, into output: inout [UInt8]) throws(Base64Error) {
        let value = Self.table[Int(byte)]
        switch value {
        case Self.blank: break
        case Self.padding:
            guard pending >= 2, pending + paddings < 4 else { throw .unexpectedPadding(offset: offset) }
            paddings += 1
        case Self.invalid: throw .invalidCharacter(byte, offset: offset)
        default:
            guard paddings == 0 else { throw .textAfterPadding(offset: offset) }
            bits = bits << 6 | UInt32(value)
            pending += 1
            guard pending == 4 else { return }
            for shift in [16, 8, 0] { output.append(UInt8(truncatingIfNeeded: bits >> shift)) }
            (pending, bits) = (0, 0)
        }
    }

    private static func makeTable() -> InlineArray<256, UInt8> {
        var table = InlineArray<256, UInt8>(repeating: invalid)
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        for (value, character) in alphabet.utf8.enumerated() { table[Int(character)] = UInt8(value) }
        table[Int(UInt8(ascii: "-"))] = 62
        table[Int(UInt8(ascii: "_"))] = 63
        for character in " \t\r\n".utf8 { table[Int(character)] = blank }
        table[Int(UInt8(ascii: "="))] = padding
        return table
    }
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
