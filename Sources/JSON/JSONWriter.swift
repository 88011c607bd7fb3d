/// Writes values as JSON text (RFC 8259): only what must be escaped is, and numbers read back as they were.
///
/// A double keeps its fraction (`4.0`), so that it stays one; what is no number (`NaN`, infinity) is written `null`, as
/// JavaScript does.
struct JSONWriter {
    private(set) var segments: [JSONSegment] = []

    private let isPretty: Bool
    private var text: [UInt8] = []
    private var indentation = 0

    init(isPretty: Bool) { self.isPretty = isPretty }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: write("null")
        case .bool(let bool): write(bool ? "true" : "false")
        case .integer(let integer): write(integer.description)
        case .double(let double): write(double.isFinite ? double.description : "null")
        case .string(let string): writeString(string)
        case .external(let number): writeExternal(number)
        case .array(let elements):
            writeContainer("[", "]", elements) { writer, element in writer.write(element) }
        case .object(let object):
            writeContainer("{", "}", object.members) { writer, member in
                writer.writeString(member.name)
                writer.write(writer.isPretty ? ": " : ":")
                writer.write(member.value)
            }
        }
    }

    /// Closes the text.
    mutating func end() {
        segments.append(.bytes(text))
        text = []
    }

    private mutating func write(_ ascii: String) {
        text.append(contentsOf: ascii.utf8)
    }

    private mutating func writeContainer<Item>(
        _ opening: String, _ closing: String, _ items: [Item], _ writeItem: (inout JSONWriter, Item) -> Void
    ) {
        write(opening)
        indentation += 1
        for (index, item) in items.enumerated() {
            if index > 0 { write(",") }
            writeLineBreak()
            writeItem(&self, item)
        }
        indentation -= 1
        if !items.isEmpty { writeLineBreak() }
        write(closing)
    }

    private mutating func writeLineBreak() {
        guard isPretty else { return }
        text.append(UInt8(ascii: "\n"))
        text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * indentation))
    }

    private mutating func writeString(_ string: String) {
        write("\"")
        if string.utf8.contains(where: Self.mustEscape) {
            for byte in string.utf8 { writeEscaped(byte) }
        } else {
            text.append(contentsOf: string.utf8)
        }
        write("\"")
    }

    private static func mustEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    private mutating func writeEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): text += [UInt8(ascii: "\\"), byte]
        case UInt8(ascii: "\n"): write("\\n")
        case UInt8(ascii: "\r"): write("\\r")
        case UInt8(ascii: "\t"): write("\\t")
        case 0x00..<0x20: write((byte < 0x10 ? "\\u000" : "\\u00") + String(byte, radix: 16))
        default: text.append(byte)
        }
    }

    private mutating func writeExternal(_ number: Int) {
        write("\"")
        segments += [.bytes(text), .external(number)]
        text = [UInt8(ascii: "\"")]
    }
}
