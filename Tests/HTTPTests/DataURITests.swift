import HTTP
import Testing

@Suite struct `Data URI` {
    @Test(
        arguments: [
            ("data:image/png;base64,iVBOR", "image/png", true, 22),
            ("DATA:image/PNG;charset=x;BASE64,iVBOR", "image/png; charset=x", true, 32),
            ("data:;base64,iVBOR", nil, true, 13),
            ("data:,hello", nil, false, 6),
            ("data:text/plain,a%20b,c", "text/plain", false, 16),
            ("data:nonsense;base64,", nil, true, 21),
        ] as [(String, String?, Bool, Int)])
    func `tells where its payload starts`(text: String, type: String?, isBase64: Bool, offset: Int) throws {
        let uri = try #require(parse(text))
        #expect(uri.mediaType?.description == type)
        #expect(uri.isBase64 == isBase64)
        #expect(uri.payloadOffset == offset)
    }

    @Test(arguments: ["", "data:", "data", "data:image/png;base64", "https://example.com/data:,", " data:,"])
    func `is nothing when it is something else`(text: String) {
        #expect(parse(text) == nil)
    }

    @Test func `looks for its comma within a limit`() {
        #expect(parse("data:image/png;x=" + String(repeating: "y", count: DataURI.maximumHeadBytes) + ",") == nil)
    }

    private func parse(_ text: String) -> DataURI? {
        DataURI(head: Array(text.utf8).span)
    }
}
