import HTTP
import HTTPServer
import Testing

/// Everything that the parser refuses, with the status that the client gets.
@Suite struct RejectionTests {
    @Test(
        arguments: [
            ("GET /\r\n\r\n", 400, "invalid_request_line"),
            ("GET\r\n\r\n", 400, "invalid_request_line"),
            ("\r\n\r\n", 400, "invalid_request_line"),
            (" GET / HTTP/1.1\r\n", 400, "invalid_method"),
            ("G(T / HTTP/1.1\r\n", 400, "invalid_method"),
            ("G\u{E9}T / HTTP/1.1\r\n", 400, "invalid_method"),
            ("CONNECT a:443 HTTP/1.1\r\n", 501, "connect_not_supported"),
            ("GET  / HTTP/1.1\r\n", 400, "invalid_target"),
            ("GET /a b HTTP/1.1\r\n", 400, "invalid_target"),
            ("GET /\u{E9} HTTP/1.1\r\n", 400, "invalid_target"),
            ("GET /a\tb HTTP/1.1\r\n", 400, "invalid_target"),
            ("GET /a\0 HTTP/1.1\r\n", 400, "invalid_target"),
            ("GET /a\r HTTP/1.1\r\n", 400, "invalid_target"),
            ("GET /a#b HTTP/1.1\r\n", 400, "invalid_target"),
            ("GET a HTTP/1.1\r\n", 400, "invalid_target"),
            ("GET * HTTP/1.1\r\n", 400, "invalid_target"),
            ("GET http:/// HTTP/1.1\r\n", 400, "invalid_target"),
            ("GET http:// HTTP/1.1\r\n", 400, "invalid_target"),
            ("GET ftp://a/ HTTP/1.1\r\n", 400, "invalid_target"),
            ("GET / http/1.1\r\n", 400, "invalid_version"),
            ("GET / HTTP/1\r\n", 400, "invalid_version"),
            ("GET / HTTP/1.1x\r\n", 400, "invalid_version"),
            ("GET / HTTP/1.10\r\n", 400, "invalid_version"),
            ("GET / HTTP/1.2\r\n", 505, "version_not_supported"),
            ("GET / HTTP/0.9\r\n", 505, "version_not_supported"),
            ("GET / HTTP/2.0\r\n", 505, "version_not_supported"),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version_not_supported"),
            ("GET / HTTP/1.1\nHost: a\n\n", 400, "invalid_line_ending"),
            ("\n", 400, "invalid_line_ending"),
            ("\u{16}\u{3}\u{1}", 400, "tls_on_plain_port"),
        ] as [(String, Int, String)])
    func `a bad request line is refused`(wire: String, status: Int, code: String) {
        expectRejection(of: wire, status, code)
    }

    @Test(
        arguments: [
            ("Host: a\r\n folded\r\n", 400, "folded_field"),
            ("\tHost: a\r\n", 400, "folded_field"),
            ("Host : a\r\n", 400, "invalid_field_name"),
            ("Host\t: a\r\n", 400, "invalid_field_name"),
            (": a\r\n", 400, "invalid_field_name"),
            ("Host\r\n", 400, "invalid_field_name"),
            ("Ho st: a\r\n", 400, "invalid_field_name"),
            ("H\u{F6}st: a\r\n", 400, "invalid_field_name"),
            ("Host\0: a\r\n", 400, "invalid_field_name"),
            ("X-A: b\0c\r\n", 400, "invalid_field_value"),
            ("X-A: b\rc\r\n", 400, "invalid_field_value"),
            ("X-A: b\r\r\n", 400, "invalid_field_value"),
            ("X-A: b\u{7F}\r\n", 400, "invalid_field_value"),
            ("X-A: b\u{1B}[1m\r\n", 400, "invalid_field_value"),
            ("Host: a\nX-A: b\r\n", 400, "invalid_line_ending"),
            ("\r\n", 400, "invalid_host"),
            ("Host: a\r\nHost: a\r\n\r\n", 400, "invalid_host"),
            ("Host: a, b\r\n", 400, "invalid_host"),
            ("Host: user@a\r\n", 400, "invalid_host"),
            ("Host: a/b\r\n", 400, "invalid_host"),
            ("Host: a\r\nExpect: 200-ok\r\n", 417, "expectation_not_supported"),
        ] as [(String, Int, String)])
    func `a bad field is refused`(fields: String, status: Int, code: String) {
        expectRejection(of: "GET / HTTP/1.1\r\n" + fields, status, code)
    }

    @Test(
        arguments: [
            ("Content-Length: +5\r\n", 400, "invalid_content_length"),
            ("Content-Length: -5\r\n", 400, "invalid_content_length"),
            ("Content-Length: 0x5\r\n", 400, "invalid_content_length"),
            ("Content-Length: 5 5\r\n", 400, "invalid_content_length"),
            ("Content-Length: 5, 5\r\n", 400, "invalid_content_length"),
            ("Content-Length: 5.0\r\n", 400, "invalid_content_length"),
            ("Content-Length:\r\n", 400, "invalid_content_length"),
            ("Content-Length: \u{665}\r\n", 400, "invalid_content_length"),
            ("Content-Length: 9223372036854775808\r\n", 400, "invalid_content_length"),
            ("Content-Length: 99999999999999999999999999\r\n", 400, "invalid_content_length"),
            ("Content-Length: 5\r\nContent-Length: 6\r\n", 400, "invalid_content_length"),
            ("Content-Length: 5\r\ncontent-length: 5\r\n", 400, "invalid_content_length"),
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "ambiguous_length"),
            ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400, "ambiguous_length"),
            ("Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\n", 400, "ambiguous_length"),
            ("Transfer-Encoding: gzip\r\n\r\n", 501, "transfer_encoding_not_supported"),
            ("Transfer-Encoding: gzip, chunked\r\n\r\n", 501, "transfer_encoding_not_supported"),
            ("Transfer-Encoding: chunked, chunked\r\n\r\n", 501, "transfer_encoding_not_supported"),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 501,
                "transfer_encoding_not_supported"
            ),
            ("Transfer-Encoding: identity\r\n\r\n", 501, "transfer_encoding_not_supported"),
            ("Transfer-Encoding: xchunked\r\n\r\n", 501, "transfer_encoding_not_supported"),
            ("Transfer-Encoding: \"chunked\"\r\n\r\n", 501, "transfer_encoding_not_supported"),
            ("Transfer-Encoding: chunked;q=1\r\n\r\n", 501, "transfer_encoding_not_supported"),
            ("Transfer-Encoding: \u{B}chunked\r\n\r\n", 400, "invalid_field_value"),
            ("Transfer-Encoding:\r\n\r\n", 501, "transfer_encoding_not_supported"),
        ] as [(String, Int, String)])
    func `a length that could be read in two ways is refused`(fields: String, status: Int, code: String) {
        expectRejection(of: "POST / HTTP/1.1\r\nHost: a\r\n" + fields, status, code)
    }

    @Test func `HTTP 1.0 has no Transfer-Encoding`() {
        expectRejection(of: "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "ambiguous_length")
    }

    @Test(
        arguments: [
            ("\r\n", "invalid_chunk_size"), ("g\r\n", "invalid_chunk_size"), ("-1\r\n", "invalid_chunk_size"),
            ("+1\r\n", "invalid_chunk_size"), (" 1\r\n", "invalid_chunk_size"),
            ("8000000000000000\r\n", "invalid_chunk_size"), ("10000000000000000\r\n", "invalid_chunk_size"),
            ("0x1\r\n", "invalid_chunk_extension"), ("1 \r\n", "invalid_chunk_extension"),
            ("1,\r\n", "invalid_chunk_extension"), ("1;\r\n", "invalid_chunk_extension"),
            ("1;a=\r\n", "invalid_chunk_extension"), ("1;=b\r\n", "invalid_chunk_extension"),
            ("1;a=\"b\r\n", "invalid_chunk_extension"), ("1;a=\"\\\r\n", "invalid_chunk_extension"),
            ("1;a b\r\n", "invalid_chunk_extension"), ("1;a\rb\r\n", "invalid_chunk_extension"),
            ("1;a=\"\0\"\r\n", "invalid_chunk_extension"), ("1;a \r\n", "invalid_chunk_extension"),
            ("1\n", "invalid_line_ending"), ("1\r\nab\r\n", "invalid_chunk_end"), ("1\r\na\n", "invalid_chunk_end"),
            ("1\r\na\rb", "invalid_chunk_end"), ("0\r\n\n", "invalid_line_ending"),
            ("0\r\nBad Trailer: a\r\n", "invalid_field_name"), ("0\r\nA: b\r\n c\r\n", "folded_field"),
        ])
    func `bad chunks are refused`(chunks: String, code: String) {
        expectRejection(of: "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks, 400, code)
    }

    @Test(
        arguments: [
            ("GET /" + String(repeating: "a", count: 100), 414, "request_line_too_long"),
            ("GET /" + String(repeating: "a", count: 100) + " HTTP/1.1\r\n", 414, "request_line_too_long"),
            ("GET / HTTP/1.1\r\nX: " + String(repeating: "a", count: 300), 431, "head_too_large"),
            ("GET / HTTP/1.1\r\n" + String(repeating: "X: a\r\n", count: 6), 431, "too_many_fields"),
            (
                "GET / HTTP/1.1\r\n" + String(repeating: "X: \(String(repeating: "a", count: 60))\r\n", count: 5), 431,
                "head_too_large"
            ),
            (chunked + "1;" + String(repeating: "a", count: 50), 400, "chunk_line_too_long"),
            (chunked + String(repeating: "1;aaaaaaaa\r\na\r\n", count: 8), 400, "chunk_extensions_too_long"),
            (chunked + "0\r\n" + String(repeating: "X: a\r\n", count: 20), 431, "trailers_too_large"),
        ] as [(String, Int, String)])
    func `what is too large is refused as soon as it is`(wire: String, status: Int, code: String) {
        expectRejection(of: wire, status, code, limits: .small)
    }

    @Test func `what just fits is accepted`() {
        let start = "GET /" + String(repeating: "a", count: 64 - 16) + " HTTP/1.1\r\nHost: a\r\nX: "
        let value = String(repeating: "a", count: 256 - start.utf8.count - 4)
        #expect(transcript(of: [Array((start + value + "\r\n\r\n").utf8)], limits: .small).last == .end)
        expectRejection(of: start + value + "a\r\n\r\n", 431, "head_too_large", limits: .small)
    }

    private static let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

    /// Expects the refusal, whether the bytes come at once or one by one.
    private func expectRejection(
        of wire: String, _ status: Int, _ code: String, limits: Limits = Limits(),
        at location: SourceLocation = #_sourceLocation
    ) {
        let bytes = Array(wire.utf8)
        for pieces in [[bytes], bytes.map { [$0] }] {
            guard case .reject(let rejection) = transcript(of: pieces, limits: limits).last else {
                Issue.record("accepted", sourceLocation: location)
                continue
            }
            #expect(rejection.status.rawValue == status, sourceLocation: location)
            #expect(rejection.code == code, sourceLocation: location)
            #expect(!rejection.message.isEmpty, sourceLocation: location)
        }
    }
}

extension Limits {
    /// Sizes small enough to reach in a test.
    fileprivate static var small: Limits {
        var limits = Limits()
        limits.requestLine = 64
        limits.head = 256
        limits.fields = 5
        limits.chunkLine = 32
        limits.chunkExtensions = 64
        limits.trailers = 64
        return limits
    }
}
