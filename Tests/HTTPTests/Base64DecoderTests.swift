import HTTP
import Testing

@Suite struct `Base64 decoder` {
    @Test(arguments: [
        // RFC 4648, section 10
        ("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmE=", "fooba"),
        ("Zm9vYmFy", "foobar"),
        // Without padding, or with half of it
        ("Zg", "f"), ("Zg=", "f"), ("Zm8", "fo"),
        // With white space
        (" Zm9v\r\nYm\tFy\n", "foobar"), ("Z g = =\n", "f"),
    ])
    func `decodes, however the text is cut`(text: String, decoded: String) throws {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            #expect(try decode([Array(bytes[..<cut]), Array(bytes[cut...])]) == Array(decoded.utf8))
        }
        #expect(try decode(bytes.map { [$0] }) == Array(decoded.utf8))
    }

    @Test(arguments: ["++//", "--__", "+-/_"])
    func `takes both alphabets`(text: String) throws {
        #expect(try decode([Array(text.utf8)]) == [0xFB, 0xEF, 0xFF])
    }

    @Test func `knows the whole alphabet`() throws {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        let groups = stride(from: 0, to: 64, by: 4).flatMap { value in
            let bits = value << 18 | (value + 1) << 12 | (value + 2) << 6 | (value + 3)
            return [16, 8, 0].map { UInt8(bits >> $0 & 0xFF) }
        }
        #expect(try decode([alphabet]) == groups)
    }

    /// So long that most of it is decoded by vectors, where the processor has them.
    private static let longText = Array(String(repeating: "AZaz09+/", count: 16).utf8)

    @Test func `long texts, of any length and however they are cut`() throws {
        for count in 0...200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255) }
            var (encoder, text) = (Base64Encoder(), [UInt8]())
            encoder.encode(bytes[...], into: &text)
            encoder.finish(into: &text)
            let cut = text.count / 3
            #expect(try decode([text]) == bytes)
            #expect(try decode([Array(text[..<cut]), Array(text[cut...])]) == bytes)
        }
    }

    @Test(arguments: longText.indices)
    func `takes and refuses the same anywhere in a long text`(position: Int) {
        for byte in UInt8.min...UInt8.max {
            var text = Self.longText
            text[position] = byte
            // One by one is never by vectors.
            #expect(outcome(of: [text]) == outcome(of: text.map { [$0] }))
        }
    }

    @Test(
        arguments: [
            ("Zm9v*g==", .invalidCharacter(UInt8(ascii: "*"), offset: 4)),
            ("Zm\u{0}v", .invalidCharacter(0, offset: 2)),
            ("Zé9v", .invalidCharacter(0xC3, offset: 1)),
            ("=", .unexpectedPadding(offset: 0)),
            ("Z===", .unexpectedPadding(offset: 1)),
            ("Zg===", .unexpectedPadding(offset: 4)),
            ("Zm9v=", .unexpectedPadding(offset: 4)),
            ("Zg==Zg==", .textAfterPadding(offset: 4)),
            ("Zg=g", .textAfterPadding(offset: 3)),
            ("Z", .truncated(offset: 1)),
            ("Zm9vY", .truncated(offset: 5)),
        ] as [(String, Base64Error)])
    func `refuses what would corrupt an image`(text: String, error: Base64Error) {
        let bytes = Array(text.utf8)
        #expect(throws: error) { try decode([bytes]) }
        #expect(throws: error) { try decode(bytes.map { [$0] }) }
    }

    @Test(
        arguments: [
            (.invalidCharacter(UInt8(ascii: "*"), offset: 4), "'*' at offset 4 is not base64"),
            (.invalidCharacter(0, offset: 2), "the byte 0 at offset 2 is not base64"),
            (.truncated(offset: 5), "the base64 ends in the middle of a byte, at offset 5"),
        ] as [(Base64Error, String)])
    func `says what is wrong`(error: Base64Error, message: String) {
        #expect("\(error)" == message)
    }

    private func outcome(of pieces: [[UInt8]]) -> Result<[UInt8], Base64Error> {
        Result { () throws(Base64Error) in try decode(pieces) }
    }

    private func decode(_ pieces: [[UInt8]]) throws(Base64Error) -> [UInt8] {
        var decoder = Base64Decoder()
        var decoded: [UInt8] = []
        for piece in pieces { try decoder.decode(piece.span, into: &decoded) }
        try decoder.finish(into: &decoded)
        return decoded
    }
}
