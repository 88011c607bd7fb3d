import HTTP

/// The characters of HTTP's grammar, as bytes.
extension UInt8 {
    static var lineFeed: UInt8 { 0x0A }
    static var carriageReturn: UInt8 { 0x0D }
    static var space: UInt8 { 0x20 }

    var isLetter: Bool { (0x61...0x7A).contains(self | 0x20) }

    /// What a field's value may hold: everything but control characters, and the tab (RFC 9110, section 5.5).
    var isFieldCharacter: Bool { self >= 0x20 && self != 0x7F || self == 0x09 }

    /// What a request target may hold: visible ASCII, and no fragment, which clients keep to themselves.
    var isTargetCharacter: Bool { (0x21...0x7E).contains(self) && self != UInt8(ascii: "#") }

    /// What a host and port may hold (RFC 3986, section 3.2.2): no user, no path, no list of hosts.
    var isHostCharacter: Bool {
        switch self {
        case UInt8(ascii: ","), UInt8(ascii: "@"), UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#"): false
        case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "^"): false
        case UInt8(ascii: "`"), UInt8(ascii: "{"), UInt8(ascii: "|"), UInt8(ascii: "}"): false
        default: (0x21...0x7E).contains(self)
        }
    }

    var hexadecimalValue: Int? {
        switch self {
        case 0x30...0x39: Int(self - 0x30)
        case 0x41...0x46, 0x61...0x66: Int(self | 0x20) - 0x61 + 10
        default: nil
        }
    }
}

extension Span<UInt8> {
    @inline(__always)
    func allSatisfy(_ predicate: (UInt8) -> Bool) -> Bool {
        for index in indices where !predicate(self[index]) { return false }
        return true
    }
}
