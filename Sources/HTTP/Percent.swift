/// Percent-encoding (RFC 3986, section 2.1).
package enum Percent {
    /// The text of a path segment; `nil` for bad escapes, a NUL, and what is not UTF-8.
    ///
    /// Split a path before decoding its segments: an encoded slash belongs to its segment.
    package static func decode(_ segment: Substring) -> String? {
        // Most are spelled as they are meant.
        guard segment.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == 0 }) else { return String(segment) }
        return decode(segment.utf8)
    }

    /// The text of a whole path segment.
    package static func decode(_ segment: String) -> String? { decode(segment[...]) }

    /// The text with everything escaped but the unreserved characters (RFC 3986, section 2.3).
    package static func encode(_ text: some StringProtocol) -> String {
        var encoded: [UInt8] = []
        for byte in text.utf8 {
            if isUnreserved(byte) {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 0x0F)]]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    private static func decode(_ text: some Sequence<UInt8>) -> String? {
        var decoded: [UInt8] = []
        var bytes = text.makeIterator()
        while let byte = bytes.next() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            guard let high = bytes.next()?.hexadecimalValue, let low = bytes.next()?.hexadecimalValue else {
                return nil
            }
            decoded.append(high << 4 | low)
        }
        return decoded.contains(0) ? nil : String(validating: decoded, as: UTF8.self)
    }

    private static let digits = Array("0123456789ABCDEF".utf8)

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
