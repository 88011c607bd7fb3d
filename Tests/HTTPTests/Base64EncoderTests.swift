import HTTP
import Testing

struct Base64EncoderTests {
    private func encode(_ bytes: [UInt8], piece: Int) -> [UInt8] {
        var encoder = Base64Encoder()
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: piece) {
            encoder.encode(bytes[start..<min(start + piece, bytes.count)], into: &text)
        }
        encoder.finish(into: &text)
        return text
    }

    /// A second opinion, bit by bit.
    private func reference(_ bytes: [UInt8]) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var bits = bytes.flatMap { byte in (0..<8).map { Int(byte >> (7 - $0) & 1) } }
        while !bits.count.isMultiple(of: 6) { bits.append(0) }
        var text = stride(from: 0, to: bits.count, by: 6).map { start in
            alphabet[bits[start..<start + 6].reduce(0) { $0 * 2 + $1 }]
        }
        while !text.count.isMultiple(of: 4) { text.append(UInt8(ascii: "=")) }
        return text
    }

    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func `the examples of RFC 4648, section 10`(bytes: String, text: String) {
        for piece in 1...7 {
            #expect(String(decoding: encode(Array(bytes.utf8), piece: piece), as: UTF8.self) == text)
        }
    }

    @Test func `every letter of the alphabet`() {
        let bytes: [UInt8] = (0..<16).flatMap { group -> [UInt8] in
            let bits = (0..<4).reduce(UInt32(0)) { $0 << 6 | (UInt32(group) * 4 + UInt32($1)) }
            return [UInt8(bits >> 16 & 255), UInt8(bits >> 8 & 255), UInt8(bits & 255)]
        }
        #expect(
            String(decoding: encode(bytes, piece: 48), as: UTF8.self)
                == "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    }

    @Test(arguments: [1, 2, 3, 4, 5, 7, 64, 1_000])
    func `pieces make no difference`(piece: Int) {
        var generator = SystemRandomNumberGenerator()
        for count in [0, 1, 2, 3, 4, 5, 6, 26, 27, 28, 29, 255, 256, 257, 3_000] {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = encode(bytes, piece: piece)
            #expect(text == reference(bytes))
            #expect(text.count == Base64Encoder.length(of: count))
        }
    }

    @Test func `a finished encoder starts afresh`() {
        var encoder = Base64Encoder()
        var text: [UInt8] = []
        for _ in 0..<2 {
            encoder.encode(Array("f".utf8)[...], into: &text)
            encoder.finish(into: &text)
        }
        #expect(String(decoding: text, as: UTF8.self) == "Zg==Zg==")
    }

    @Test func `a length beyond all numbers is no length`() {
        #expect(Base64Encoder.length(of: .max) == nil)
    }
}
