import HTTP
import Testing

@Suite struct `Multipart part` {
    /// Heads as clients write them, captured from the wire.
    @Test(arguments: [
        (  // httpx, behind openai-python: a scalar
            #"Content-Disposition: form-data; name="prompt""#,
            MultipartPart(name: "prompt")
        ),
        (  // httpx: bytes without a name of their own
            "Content-Disposition: form-data; name=\"image[]\"; filename=\"upload\"\r\nContent-Type: application/octet-stream",
            MultipartPart(name: "image[]", filename: "upload", mediaType: .octetStream)
        ),
        (  // curl -F "image[]=@a.png"
            "Content-Disposition: form-data; name=\"image[]\"; filename=\"a.png\"\r\nContent-Type: image/png",
            MultipartPart(name: "image[]", filename: "a.png", mediaType: MediaType("image", "png"))
        ),
        (  // undici, behind openai-node: a Blob
            "Content-Disposition: form-data; name=\"image\"; filename=\"blob\"\r\nContent-Type: application/octet-stream",
            MultipartPart(name: "image", filename: "blob", mediaType: .octetStream)
        ),
        (  // aiohttp: texts have a type, and it comes first
            "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=\"prompt\"",
            MultipartPart(name: "prompt", mediaType: MediaType("text/plain; charset=utf-8"))
        ),
        (  // requests: a file without a type
            #"Content-Disposition: form-data; name="image"; filename="otter.png""#,
            MultipartPart(name: "image", filename: "otter.png")
        ),
        (  // litellm: the path on the client
            #"Content-Disposition: form-data; name="image[]"; filename="/home/ann/my images/otter.png""#,
            MultipartPart(name: "image[]", filename: "otter.png")
        ),
        (  // a browser that sends Windows paths as they are
            #"Content-Disposition: form-data; name="image"; filename="C:\images\otter.png""#,
            MultipartPart(name: "image", filename: "otter.png")
        ),
        (  // an accent after a slash does not hide it
            "Content-Disposition: form-data; name=\"image\"; filename=\"../\u{301}otter.png\"",
            MultipartPart(name: "image", filename: "\u{301}otter.png")
        ),
        (  // quotation marks: percent-escaped by httpx, undici and aiohttp, with a backslash by curl
            #"Content-Disposition: form-data; name="a%22b"; filename="the %22best%22 otter.png""#,
            MultipartPart(name: #"a"b"#, filename: #"the "best" otter.png"#)
        ),
        (
            #"Content-Disposition: form-data; name="image"; filename="the \"best\" otter.png""#,
            MultipartPart(name: "image", filename: #"the "best" otter.png"#)
        ),
        (  // other escapes are left alone
            #"Content-Disposition: form-data; name="100%25"; filename="50%41.png""#,
            MultipartPart(name: "100%25", filename: "50%41.png")
        ),
        (  // raw UTF-8
            #"Content-Disposition: form-data; name="图片"; filename="水獭 🦦.png""#,
            MultipartPart(name: "图片", filename: "水獭 🦦.png")
        ),
        (  // old urllib3
            "Content-Disposition: form-data; name=\"image\"; filename*=utf-8''%E6%B0%B4%E7%8D%AD%2Fx.png",
            MultipartPart(name: "image", filename: "x.png")
        ),
        (
            "Content-Disposition: form-data; name=\"image\"; filename=\"a.png\"; filename*=utf-8''b.png",
            MultipartPart(name: "image", filename: "a.png")
        ),
        (
            "Content-Disposition: form-data; name=\"image\"; filename*=latin1''b.png",
            MultipartPart(name: "image", filename: "")
        ),
        (
            "Content-Disposition: form-data; name=\"image\"; filename*=utf-8''b%1F.png",
            MultipartPart(name: "image", filename: "")
        ),
        (  // no file chosen
            "Content-Disposition: form-data; name=\"mask\"; filename=\"\"\r\nContent-Type: application/octet-stream",
            MultipartPart(name: "mask", filename: "", mediaType: .octetStream)
        ),
        (  // without quotes, as people write by hand
            "content-disposition:FORM-DATA;NAME=image[];FileName=a.png",
            MultipartPart(name: "image[]", filename: "a.png")
        ),
        (  // Java
            "Content-Disposition: form-data; name=\"n\"\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: 8bit",
            MultipartPart(name: "n", mediaType: .plainText)
        ),
        (  // a type that is none
            "Content-Disposition: form-data; name=\"image\"; filename=\"a\"\r\nContent-Type: png",
            MultipartPart(name: "image", filename: "a")
        ),
    ])
    func `is read from the heads that clients send`(head: String, part: MultipartPart) throws {
        #expect(try parse(head) == part)
        #expect(part.isFile == head.lowercased().contains("filename"))
    }

    @Test(arguments: [
        ("Content-Type: image/png", true), ("Content-Type: IMAGE/WebP", true), ("Content-Type: text/plain", false),
        ("Content-Type: application/octet-stream", false), ("X-Type: image/png", false),
    ])
    func `is a file without a filename when it is declared to be an image`(field: String, isFile: Bool) throws {
        let part = try parse("Content-Disposition: form-data; name=\"image\"\r\n\(field)")
        #expect(part?.isFile == isFile)
    }

    @Test func `has a name as long as the limit, however it is escaped`() throws {
        let escaped = String(repeating: "%22", count: 256)
        let part = try parse("Content-Disposition: form-data; name=\"\(escaped)\"")
        #expect(part?.name == String(repeating: "\"", count: 256))
    }

    @Test(arguments: [
        ("Content-Type: image/png", "part 1: it needs one Content-Disposition field but has 0"),
        (
            "Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b",
            "part 1: it needs one Content-Disposition field but has 2"
        ),
        (
            "Content-Disposition: attachment; name=a",
            #"part 1: its Content-Disposition is not of the form 'form-data; name="…"'"#
        ),
        (
            "Content-Disposition: form-data; name=a; name=b",
            #"part 1: its Content-Disposition is not of the form 'form-data; name="…"'"#
        ),
        (
            "Content-Disposition: form-data; name=\"a",
            #"part 1: its Content-Disposition is not of the form 'form-data; name="…"'"#
        ),
        ("Content-Disposition: form-data", "part 1: its Content-Disposition has no name"),
        ("Content-Disposition: form-data; filename=a", "part 1: its Content-Disposition has no name"),
        ("Content-Disposition form-data", "part 1: a line of its header has no colon"),
        (": form-data", "part 1: a line of its header holds characters that are not allowed there"),
        (
            "Content-Disposition : form-data; name=a",
            "part 1: a line of its header holds characters that are not allowed there"
        ),
        (
            "Content-Disposition: form-data;\r\n name=a",
            "part 1: a line of its header has no colon"
        ),
        (
            "Content-Disposition: form-data; name=\"a\u{0}\"",
            "part 1: a line of its header holds characters that are not allowed there"
        ),
        (
            "Content-Disposition: form-data; name=\"a\rb\"",
            "part 1: a line of its header holds characters that are not allowed there"
        ),
        (
            "Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64",
            "part 1: its Content-Transfer-Encoding must be binary: send the bytes as they are"
        ),
        (
            "Content-Disposition: form-data; name=\(String(repeating: "x", count: 257))",
            "part 1: its name is longer than 256 bytes"
        ),
    ])
    func `says what is wrong with a head`(head: String, reason: String) {
        #expect(throws: MultipartError.self) { try parse(head) }
        do {
            _ = try parse(head)
        } catch {
            #expect("\(error)" == reason)
        }
    }

    private func parse(_ head: String) throws -> MultipartPart? {
        var parser = try MultipartParser(#require(MediaType("multipart/form-data; boundary=b")))
        let events = try parser.feed(ArraySlice("--b\r\n\(head)\r\n\r\n".utf8))
        guard case .part(let part) = events.first else { return nil }
        return part
    }
}
