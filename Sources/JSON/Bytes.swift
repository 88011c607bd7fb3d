extension [UInt8] {
    /// Adds the bytes of a span; compiles to one `memcpy`.
    mutating func append(copying bytes: Span<UInt8>) {
        append(addingCapacity: bytes.count) { output in
            for index in bytes.indices { output.append(bytes[index]) }
        }
    }

    /// Adds a number in decimal digits.
    mutating func append(decimal number: Int64) {
        if number < 0 { append(UInt8(ascii: "-")) }
        var digits = InlineArray<20, UInt8>(repeating: 0)
        var start = digits.count
        var rest = number.magnitude
        repeat {
            start -= 1
            digits[start] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        } while rest > 0
        append(copying: digits.span.extracting(start...))
    }
}

extension UInt8 {
    /// The byte as an error message shows it.
    var nameInMessages: String {
        switch self {
        case 0x21...0x7E: "'\(Unicode.Scalar(self))'"
        case 0x80...: "a character outside of ASCII"
        default: "a control character"
        }
    }
}
