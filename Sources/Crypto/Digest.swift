/// The 32 bytes that SHA-256 makes of any message.
package struct Digest: Sendable, Hashable, CustomStringConvertible {
    package static let length = 32

    package let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        precondition(bytes.count == Self.length)
        self.bytes = bytes
    }

    /// Takes over bytes that were kept somewhere; `nil` if they are not ``length`` many.
    package init?(stored bytes: [UInt8]) {
        guard bytes.count == Self.length else { return nil }
        self.bytes = bytes
    }

    /// 64 hexadecimal digits in lower case.
    package var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.count)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 0xF)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    package var description: String { hexadecimal }
}
