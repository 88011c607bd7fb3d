import HTTP
import Testing

/// Whole bodies as the clients in use send them, captured from the wire.
///
/// The versions are httpx 0.28, requests 2.34, curl 7.88, aiohttp 3.14 and Node 20's undici.
@Suite struct `Multipart bodies of real clients` {
    private static let otter = "水獭 \"1\".png"
    /// What the image looks like, shortened, with two things in it that might be taken for a boundary.
    private static let image = "\u{1A}PNG\r\n\n--"

    @Test func `are read as httpx writes them, behind openai-python`() throws {
        let parts = try read(
            "multipart/form-data; boundary=3ce37edd1667ae23712be4d815b10a8c",
            """
            --3ce37edd1667ae23712be4d815b10a8c
            Content-Disposition: form-data; name="model"

            gpt-image-1
            --3ce37edd1667ae23712be4d815b10a8c
            Content-Disposition: form-data; name="n"

            2
            --3ce37edd1667ae23712be4d815b10a8c
            Content-Disposition: form-data; name="image[]"; filename="upload"
            Content-Type: application/octet-stream

            IMAGE
            --3ce37edd1667ae23712be4d815b10a8c
            Content-Disposition: form-data; name="image[]"; filename="水獭 %221%22.png"
            Content-Type: image/png

            IMAGE
            --3ce37edd1667ae23712be4d815b10a8c--

            """)
        #expect(parts.map(\.head.name) == ["model", "n", "image[]", "image[]"])
        #expect(parts.map(\.head.filename) == [nil, nil, "upload", Self.otter])
        #expect(parts.map(\.text) == ["gpt-image-1", "2", Self.image, Self.image])
    }

    @Test func `are read as requests writes them`() throws {
        let parts = try read(
            "multipart/form-data; boundary=804f3385818c5c46b21ac24bec65a1e9",
            """
            --804f3385818c5c46b21ac24bec65a1e9
            Content-Disposition: form-data; name="prompt"

            an otter
            --804f3385818c5c46b21ac24bec65a1e9
            Content-Disposition: form-data; name="image"; filename="水獭 %221%22.png"

            IMAGE
            --804f3385818c5c46b21ac24bec65a1e9--

            """)
        #expect(
            parts.map(\.head) == [MultipartPart(name: "prompt"), MultipartPart(name: "image", filename: Self.otter)])
        #expect(parts.map(\.text) == ["an otter", Self.image])
    }

    @Test func `are read as curl writes them`() throws {
        let parts = try read(
            "multipart/form-data; boundary=------------------------a2b0102caa418c00",
            """
            --------------------------a2b0102caa418c00
            Content-Disposition: form-data; name="image[]"; filename="a.png"
            Content-Type: image/png

            IMAGE
            --------------------------a2b0102caa418c00
            Content-Disposition: form-data; name="prompt"

            an otter
            --------------------------a2b0102caa418c00
            Content-Disposition: form-data; name="mask"; filename="the %22mask%22.png"
            Content-Type: image/png

            IMAGE
            --------------------------a2b0102caa418c00--

            """)
        #expect(parts.map(\.head.name) == ["image[]", "prompt", "mask"])
        #expect(parts.map(\.head.filename) == ["a.png", nil, "the \"mask\".png"])
        #expect(parts.map(\.text) == [Self.image, "an otter", Self.image])
    }

    @Test func `are read as aiohttp writes them`() throws {
        let parts = try read(
            "multipart/form-data; boundary=46802a389b154e348989a632c85f71e2",
            #"""
            --46802a389b154e348989a632c85f71e2
            Content-Type: text/plain; charset=utf-8
            Content-Disposition: form-data; name="prompt"

            an otter
            --46802a389b154e348989a632c85f71e2
            Content-Type: image/png
            Content-Disposition: form-data; name="image"; filename="水獭 \"1\".png"

            IMAGE
            --46802a389b154e348989a632c85f71e2--

            """#)
        #expect(parts.map(\.head.isFile) == [false, true])
        #expect(parts.map(\.head.filename) == [nil, Self.otter])
        #expect(parts.map(\.head.mediaType?.essence) == ["text/plain", "image/png"])
        #expect(parts.map(\.text) == ["an otter", Self.image])
    }

    @Test func `are read as undici writes them, behind openai-node`() throws {
        let parts = try read(
            "multipart/form-data; boundary=----formdata-undici-027702099948",
            """
            ------formdata-undici-027702099948
            Content-Disposition: form-data; name="image"; filename="blob"
            Content-Type: application/octet-stream

            IMAGE
            ------formdata-undici-027702099948
            Content-Disposition: form-data; name="prompt"

            an otter
            and "more"
            ------formdata-undici-027702099948
            Content-Disposition: form-data; name="we%22ird"; filename="水獭 %221%22.png"
            Content-Type: image/png

            x
            ------formdata-undici-027702099948--

            """)
        #expect(parts.map(\.head.name) == ["image", "prompt", "we\"ird"])
        #expect(parts.map(\.head.filename) == ["blob", nil, Self.otter])
        #expect(parts.map(\.text) == [Self.image, "an otter\r\nand \"more\"", "x"])
    }

    private func read(_ type: String, _ body: String) throws -> [(head: MultipartPart, text: String)] {
        let body = body.replacing("\n", with: "\r\n").replacing("IMAGE", with: Self.image)
        var parser = try MultipartParser(#require(MediaType(type)))
        var parts: [(head: MultipartPart, text: String)] = []
        for event in try parser.feed(ArraySlice(body.utf8)) {
            switch event {
            case .part(let head): parts.append((head, ""))
            case .data(let data): parts[parts.count - 1].text += String(decoding: data, as: UTF8.self)
            case .endOfPart, .end: break
            }
        }
        try parser.finish()
        return parts
    }
}
