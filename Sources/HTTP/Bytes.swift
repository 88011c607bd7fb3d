extension [UInt8] {
    /// Adds the bytes of a span; compiles to one `memcpy`.
    mutating func append(copying bytes: Span<UInt8>) {
        append(addingCapacity: bytes.count) { output in
            for index in bytes.indices { output.append(bytes[index]) }
        }
    }
}

extension Span<UInt8> {
    package func firstIndex(of byte: UInt8) -> Int? {
        for index in indices where self[index] == byte { return index }
        return nil
    }

    package func lastIndex(of byte: UInt8) -> Int? {
        for index in indices.reversed() where self[index] == byte { return index }
        return nil
    }

    package func equals(_ text: String) -> Bool {
        let text = text.utf8Span.span
        guard count == text.count else { return false }
        for index in indices where self[index] != text[index] { return false }
        return true
    }

    /// Whether the bytes are a text but for the case of A to Z.
    package func equalsIgnoringASCIICase(_ text: String) -> Bool {
        equalsIgnoringASCIICase(text.utf8Span.span)
    }

    func equalsIgnoringASCIICase(_ other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        for index in indices where self[index].loweredASCII != other[index].loweredASCII { return false }
        return true
    }

    /// Where the bytes without leading and trailing spaces and tabs are (RFC 9110, section 5.6.3).
    package var trimmedRange: Range<Int> {
        var (start, end) = (0, count)
        while start < end, self[start].isBlank { start += 1 }
        while end > start, self[end - 1].isBlank { end -= 1 }
        return start..<end
    }

    /// The number that the bytes spell in decimal digits and nothing else; `nil` if it does not fit.
    package var decimal: Int? {
        guard !isEmpty else { return nil }
        var number = 0
        for index in indices {
            guard let digit = self[index].decimalValue else { return nil }
            let (tens, overflows) = number.multipliedReportingOverflow(by: 10)
            let (sum, carries) = tens.addingReportingOverflow(digit)
            if overflows || carries { return nil }
            number = sum
        }
        return number
    }
}

extension String {
    /// Bytes as text: UTF-8 if they are that, otherwise Latin-1, which fields were in before (RFC 9110, section 5.5).
    package init(copyingText bytes: Span<UInt8>) {
        if let text = try? UTF8Span(validating: bytes) {
            self.init(copying: text)
        } else {
            self.init()
            for index in bytes.indices { unicodeScalars.append(Unicode.Scalar(bytes[index])) }
        }
    }
}

extension String {
    /// The text with its ASCII capitals in lower case; any other character as it is.
    package var loweredASCII: String {
        let isLowered = utf8.allSatisfy { $0.loweredASCII == $0 }
        return isLowered ? self : String(decoding: utf8.map(\.loweredASCII), as: UTF8.self)
    }
}

extension UInt8 {
    /// Whether the byte is a space or a tab.
    package var isBlank: Bool { self == UInt8(ascii: " ") || self == UInt8(ascii: "\t") }

    package var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    /// The value of a decimal digit.
    package var decimalValue: Int? { isDigit ? Int(self - UInt8(ascii: "0")) : nil }

    /// The value of a hexadecimal digit.
    var hexadecimalValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Whether the byte can stand in a token, such as a field name (RFC 9110, section 5.6.2).
    package var isInToken: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"): true
        case UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): true
        case UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"): true
        default: false
        }
    }
}
