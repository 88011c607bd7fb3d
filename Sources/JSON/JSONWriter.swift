/// Writes values as JSON text (RFC 8259): only what must be escaped is, and numbers read back as they were.
///
/// A double keeps its fraction (`4.0`), so that it stays one; what is no number (`NaN`, infinity) is written `null`, as
/// JavaScript does.
struct JSONWriter {
    private(set) var text: [UInt8]

    private let isPretty: Bool
    private var indentation = 0

    /// Writes on after a text that is there already.
    init(after text: consuming [UInt8] = [], isPretty: Bool = false) {
        self.text = text
        self.isPretty = isPretty
    }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: write(bare: "null")
        case .bool(let bool): write(bare: bool ? "true" : "false")
        case .integer(let integer): text.append(decimal: integer)
        case .double(let double): write(bare: double.isFinite ? double.description : "null")
        case .string(let string): write(string)
        case .external: write("")
        case .verbatim(let text): write(bare: text)
        case .array(let elements): write(elements)
        case .object(let object): write(object.members)
        }
    }

    private mutating func write(_ elements: [JSONValue]) {
        text.append(UInt8(ascii: "["))
        for index in elements.indices {
            beginItem(index)
            write(elements[index])
        }
        endItems(elements.count)
        text.append(UInt8(ascii: "]"))
    }

    private mutating func write(_ members: [JSONObject.Member]) {
        text.append(UInt8(ascii: "{"))
        for index in members.indices {
            beginItem(index)
            write(members[index].name)
            text.append(UInt8(ascii: ":"))
            if isPretty { text.append(UInt8(ascii: " ")) }
            write(members[index].value)
        }
        endItems(members.count)
        text.append(UInt8(ascii: "}"))
    }

    private mutating func beginItem(_ index: Int) {
        if index == 0 { indentation += 1 } else { text.append(UInt8(ascii: ",")) }
        writeLineBreak()
    }

    private mutating func endItems(_ count: Int) {
        guard count > 0 else { return }
        indentation -= 1
        writeLineBreak()
    }

    private mutating func writeLineBreak() {
        guard isPretty else { return }
        text.append(UInt8(ascii: "\n"))
        text.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * indentation))
    }

    private mutating func write(bare word: String) { text.append(copying: word.utf8Span.span) }

    private mutating func write(_ string: String) {
        let bytes = string.utf8Span.span
        guard !Self.mustEscape(bytes) else { return writeEscaping(bytes) }
        text.append(addingCapacity: bytes.count + 2) { output in
            output.append(UInt8(ascii: "\""))
            for index in bytes.indices { output.append(bytes[index]) }
            output.append(UInt8(ascii: "\""))
        }
    }

    private mutating func writeEscaping(_ bytes: Span<UInt8>) {
        text.append(UInt8(ascii: "\""))
        // Of what stands for itself and is still to be written.
        var start = 0
        for index in bytes.indices where Self.mustEscape(bytes[index]) {
            text.append(copying: bytes.extracting(start..<index))
            writeEscaped(bytes[index])
            start = index + 1
        }
        text.append(copying: bytes.extracting(start..<bytes.count))
        text.append(UInt8(ascii: "\""))
    }

    /// Whether any of the bytes is one; without a branch in the loop, so that it compiles to vector instructions.
    private static func mustEscape(_ bytes: Span<UInt8>) -> Bool {
        var marks: UInt8 = 0
        for index in bytes.indices { marks |= mark(bytes[index]) }
        return marks >= 0x80
    }

    private static func mustEscape(_ byte: UInt8) -> Bool { mark(byte) >= 0x80 }

    /// A number whose highest bit tells whether a byte is a control character, `"` or `\`.
    private static func mark(_ byte: UInt8) -> UInt8 {
        ((byte &- 0x20) | ((byte ^ UInt8(ascii: "\"")) &- 1) | ((byte ^ UInt8(ascii: "\\")) &- 1)) & ~byte
    }

    private mutating func writeEscaped(_ byte: UInt8) {
        switch byte {
        case UInt8(ascii: "\n"): write(bare: "\\n")
        case UInt8(ascii: "\r"): write(bare: "\\r")
        case UInt8(ascii: "\t"): write(bare: "\\t")
        case 0x00..<0x20: write(bare: (byte < 0x10 ? "\\u000" : "\\u00") + String(byte, radix: 16))
        default: text += [UInt8(ascii: "\\"), byte]
        }
    }
}
