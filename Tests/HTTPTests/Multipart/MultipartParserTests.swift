import HTTP
import Testing

@Suite struct `Multipart parser` {
    /// A form field as it comes out of the parser.
    struct Field: Equatable {
        var part: MultipartPart
        var data: [UInt8]

        init(_ part: MultipartPart, _ data: String) {
            self.part = part
            self.data = Array(data.utf8)
        }
    }

    private static let body = """
        preamble\r
        --b\r
        Content-Disposition: form-data; name="prompt"\r
        \r
        an otter\r
        --b \t\r
        Content-Disposition: form-data; name="image"; filename="a.png"\r
        Content-Type: image/png\r
        \r
        \r\n\r\r\n--\r\n--\r\n-b\r\n--a\r
        --b\r
        Content-Disposition: form-data; name="empty"\r
        \r
        \r
        --b--\r
        epilogue\r
        --b\r

        """

    private static let fields = [
        Field(MultipartPart(name: "prompt"), "an otter"),
        Field(
            MultipartPart(name: "image", filename: "a.png", mediaType: MediaType("image", "png")),
            "\r\n\r\r\n--\r\n--\r\n-b\r\n--a"),
        Field(MultipartPart(name: "empty"), ""),
    ]

    @Test func `takes a body apart, cut in two anywhere`() throws {
        let bytes = Array(Self.body.utf8)
        for cut in 0...bytes.count {
            #expect(try fields(of: [bytes[..<cut], bytes[cut...]]) == Self.fields)
        }
    }

    @Test(arguments: [1, 2, 3, 5, 8])
    func `takes a body apart, cut in pieces of any size`(pieceSize: Int) throws {
        let bytes = Array(Self.body.utf8)
        let pieces = stride(from: 0, to: bytes.count, by: pieceSize).map {
            bytes[$0..<min($0 + pieceSize, bytes.count)]
        }
        #expect(try fields(of: pieces) == Self.fields)
    }

    @Test(arguments: [
        // A boundary directly after a head: no line break of its own.
        "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n--b--",
        "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n\r\n--b--",
        "\r\n--b\r\ncontent-disposition:form-data;name=x\r\n\r\n\r\n--b--\r\n",
    ])
    func `reads an empty part`(body: String) throws {
        #expect(try fields(of: [ArraySlice(body.utf8)]) == [Field(MultipartPart(name: "x"), "")])
        #expect(try fields(of: Array(body.utf8).map { [$0] }) == [Field(MultipartPart(name: "x"), "")])
    }

    @Test(arguments: ["--b--", "--b--\r\n", "\r\n--b--\r\n", "nothing here\r\n--b--"])
    func `reads a form without fields`(body: String) throws {
        #expect(try fields(of: [ArraySlice(body.utf8)]).isEmpty)
    }

    @Test func `passes on data as it comes`() throws {
        var parser = try MultipartParser(type("b"))
        let head = "--b\r\nContent-Disposition: form-data; name=x\r\n\r\n"
        #expect(try parser.feed(ArraySlice(head.utf8)) == [.part(MultipartPart(name: "x"))])
        #expect(try parser.feed(ArraySlice("one".utf8)) == [.data(ArraySlice("one".utf8))])
        #expect(try parser.feed(ArraySlice("two\r\n--".utf8)) == [.data(ArraySlice("two".utf8))])
        #expect(
            try parser.feed(ArraySlice("c".utf8)) == [.data(ArraySlice("\r\n--".utf8)), .data(ArraySlice("c".utf8))])
        #expect(try parser.feed(ArraySlice("\r\n--b".utf8)) == [.endOfPart])
        #expect(try parser.feed(ArraySlice("--".utf8)) == [.end])
        #expect(throws: Never.self) { try parser.finish() }
    }

    @Test(arguments: [
        "0123456789abcdef0123456789abcdef", "------------------------d74496d66958873e",
        "----formdata-undici-012345678901", "----=_Part_0/1:2", "a b", String(repeating: "x", count: 70),
    ])
    func `takes every boundary in use`(boundary: String) throws {
        let type = try #require(MediaType("Multipart/Form-Data; boundary=\"\(boundary)\""))
        var parser = try MultipartParser(type)
        let body = "--\(boundary)\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--\(boundary)--\r\n"
        let events = try parser.feed(ArraySlice(body.utf8))
        #expect(events == [.part(MultipartPart(name: "x")), .data([UInt8(ascii: "1")]), .endOfPart, .end])
    }

    @Test(arguments: [
        ("application/json", "the body is application/json: expected multipart/form-data"),
        (
            "multipart/form-data",
            "the Content-Type has no boundary: let the HTTP library set it along with the body"
        ),
        ("multipart/form-data; boundary=\"\"", "the boundary is not 1 to 70 printable ASCII characters"),
        (
            "multipart/form-data; boundary=\(String(repeating: "x", count: 71))",
            "the boundary is not 1 to 70 printable ASCII characters"
        ),
        ("multipart/form-data; boundary=é", "the boundary is not 1 to 70 printable ASCII characters"),
    ])
    func `refuses a type it cannot work with`(type: String, reason: String) throws {
        let type = try #require(MediaType(type))
        #expect(throws: MultipartError(.malformed, reason)) { try MultipartParser(type) }
    }

    @Test(
        arguments: [
            ("", .truncated, "the body does not contain the boundary that its Content-Type names"),
            ("--c\r\n", .truncated, "the body does not contain the boundary that its Content-Type names"),
            ("x--b--", .truncated, "the body does not contain the boundary that its Content-Type names"),
            ("--b", .truncated, "the body ends before its closing boundary"),
            ("--b-", .truncated, "the body ends before its closing boundary"),
            (
                "--b\r\nContent-Disposition: form-data; name=x\r\n", .truncated,
                "the body ends before its closing boundary"
            ),
            (
                "--b\r\nContent-Disposition: form-data; name=x\r\n\r\ndata\r\n--b", .truncated,
                "the body ends before its closing boundary"
            ),
            ("--bc\r\n", .malformed, "a boundary is followed by neither a line break (CR LF) nor '--'"),
            ("--b\n", .malformed, "a boundary is followed by neither a line break (CR LF) nor '--'"),
            ("--b-x", .malformed, "a boundary is followed by neither a line break (CR LF) nor '--'"),
            ("--b --", .malformed, "a boundary is followed by neither a line break (CR LF) nor '--'"),
            ("--b\r\nA: b\n\n", .malformed, "part 1: a line of its header ends without CR LF"),
            ("--b\r\n\r\n", .malformed, "part 1: it needs one Content-Disposition field but has 0"),
            (
                "--b\r\n\(String(repeating: "x", count: 8193))", .overLimit,
                "part 1: its header is longer than 8192 bytes"
            ),
            (
                "--b\(String(repeating: " ", count: 65))\r\n", .overLimit, "more than 64 spaces follow a boundary"
            ),
        ] as [(String, MultipartError.Kind, String)])
    func `says what is wrong with a body`(body: String, kind: MultipartError.Kind, reason: String) {
        let bytes = Array(body.utf8)
        #expect(throws: MultipartError(kind, reason)) { try fields(of: [bytes[...]]) }
        #expect(throws: MultipartError(kind, reason)) { try fields(of: bytes.map { [$0] }) }
    }

    @Test func `stops at the limit of parts`() {
        let part = "--b\r\nContent-Disposition: form-data; name=x\r\n\r\n\r\n"
        let body = Array((String(repeating: part, count: 257) + "--b--").utf8)
        #expect(throws: MultipartError(.overLimit, "the body has more than 256 parts")) {
            try fields(of: [body[...]])
        }
    }

    @Test func `throws the same error again when it is fed on`() throws {
        var parser = try MultipartParser(type("b"))
        let error = MultipartError(.malformed, "a boundary is followed by neither a line break (CR LF) nor '--'")
        #expect(throws: error) { try parser.feed(ArraySlice("--bc".utf8)) }
        #expect(throws: error) { try parser.feed(ArraySlice("--b--".utf8)) }
        #expect(throws: error) { try parser.finish() }
    }

    private func type(_ boundary: String) -> MediaType {
        MediaType("multipart/form-data; boundary=\(boundary)") ?? .multipartFormData
    }

    /// What a body consists of, once it is complete.
    private func fields(of pieces: [ArraySlice<UInt8>]) throws(MultipartError) -> [Field] {
        var parser = try MultipartParser(type("b"))
        var fields: [Field] = []
        for piece in pieces {
            for event in try parser.feed(piece) {
                switch event {
                case .part(let part): fields.append(Field(part, ""))
                case .data(let data): fields[fields.count - 1].data += data
                case .endOfPart, .end: break
                }
            }
        }
        try parser.finish()
        return fields
    }
}
