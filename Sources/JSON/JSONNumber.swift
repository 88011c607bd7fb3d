extension JSONValue {
    /// Reads a number (RFC 8259, section 6).
    init(number text: [UInt8]) throws(Malformed) {
        if let integer = Int64(shortNumber: text) {
            self = .integer(integer)
            return
        }
        var rest = text[...]
        if rest.first == UInt8(ascii: "-") { rest.removeFirst() }

        let integer = rest.prefix(while: \.isDigit)
        guard let first = integer.first else { throw Malformed("a number needs a digit after its sign") }
        guard first != UInt8(ascii: "0") || integer.count == 1 else { throw Malformed("a number cannot start with 0") }
        rest = rest[integer.endIndex...]
        let isWhole = rest.isEmpty

        if rest.first == UInt8(ascii: ".") {
            let fraction = rest.dropFirst().prefix(while: \.isDigit)
            guard !fraction.isEmpty else { throw Malformed("a number needs a digit after its point") }
            rest = rest[fraction.endIndex...]
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest.removeFirst() }
            let exponent = rest.prefix(while: \.isDigit)
            guard !exponent.isEmpty else { throw Malformed("a number needs a digit in its exponent") }
            rest = rest[exponent.endIndex...]
        }
        let string = String(decoding: text, as: UTF8.self)
        guard rest.isEmpty, let double = Double(string) else { throw Malformed("'\(string)' is not a number") }
        guard double.isFinite else { throw Malformed("\(string) is too large for a number") }
        self = if isWhole, let integer = Int64(string) { .integer(integer) } else { .double(double) }
    }
}

extension Int64 {
    /// Reads what most numbers are: a few digits and nothing else; `nil` for any other.
    fileprivate init?(shortNumber text: [UInt8]) {
        guard text.count == 1 || (2...18).contains(text.count) && text[0] != UInt8(ascii: "0") else { return nil }
        var number: Int64 = 0
        for byte in text {
            guard byte.isDigit else { return nil }
            number = number &* 10 &+ Int64(byte - UInt8(ascii: "0"))
        }
        self = number
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    /// Whether a byte can belong to a number.
    var isInNumber: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
            UInt8(ascii: "e"), UInt8(ascii: "E"):
            true
        default: false
        }
    }
}
