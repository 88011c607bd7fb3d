import HTTP
import HTTPServer
import Support
import Testing

@Suite struct RequestParserTests {
    @Test func `a head says what was sent, without the spaces around values`() throws {
        let head = try head(of: "GET /a?b=c HTTP/1.1\r\nHost: example\r\nX-Empty:\r\nX-Spaced: \t a b \t\r\n\r\n")
        let fields: Fields = ["Host": "example", "X-Empty": "", "X-Spaced": "a b"]
        #expect(head.request == Request(method: .get, target: "/a?b=c", fields: fields))
        #expect(head.minorVersion == 1)
        #expect(head.body == .none)
        #expect(!head.expectsContinue)
    }

    @Test(
        arguments: [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: TE, Close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", false),
        ])
    func `the version and the Connection field decide on keeping alive`(wire: String, keepsAlive: Bool) throws {
        #expect(try head(of: wire).keepsAlive == keepsAlive)
    }

    @Test(
        arguments: [
            "GET / HTTP/1.1", "GET /%20?q=|{} HTTP/1.1", "GET http://a/b HTTP/1.1", "GET HTTPS://a HTTP/1.1",
            "OPTIONS * HTTP/1.1", "BREW / HTTP/1.1", "M-SEARCH / HTTP/1.1",
        ])
    func `a request line of the grammar is accepted`(line: String) throws {
        let parts = line.split(separator: " ")
        let request = try head(of: line + "\r\nHost: a\r\n\r\n").request
        #expect(request.method.rawValue == parts[0])
        #expect(request.target == parts[1])
    }

    @Test func `one empty line before a request is ignored`() {
        #expect(transcript(of: "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").last == .end)
    }

    @Test func `a value that is not UTF-8 is taken for Latin-1`() throws {
        let start = Array("GET / HTTP/1.1\r\nHost: a\r\nX-A: ".utf8)
        let head = try head(of: start + [0xE9, 0x0D, 0x0A] + Array("X-B: é\r\n\r\n".utf8))
        #expect(head.request.fields["X-A"] == "é")
        #expect(head.request.fields["X-B"] == "é")
    }

    @Test func `an expectation is for HTTP 1.1 only`() throws {
        let field = "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n"
        #expect(try head(of: "PUT / HTTP/1.1\r\nHost: a\r\n" + field).expectsContinue)
        #expect(try !head(of: "PUT / HTTP/1.0\r\n" + field).expectsContinue)
    }

    @Test(
        arguments: [
            ("Content-Length: 5\r\n\r\nhello", "hello"),
            ("Content-Length: 0\r\n\r\n", ""),
            ("Transfer-Encoding: Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello"),
            ("Transfer-Encoding: chunked\r\n\r\n00a\r\n0123456789\r\n1\r\n!\r\n000\r\n\r\n", "0123456789!"),
            ("Transfer-Encoding: chunked\r\n\r\n2;a;b=c ; d = \"e\\\"f\"\r\nhi\r\n0;x\r\nX-Sum: 1\r\n\r\n", "hi"),
        ])
    func `a body is read to where its framing ends`(rest: String, body: String) {
        let wire = "POST / HTTP/1.1\r\nHost: a\r\n" + rest
        let events = transcript(of: wire + "GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(events.count == (body.isEmpty ? 4 : 5))
        #expect(bodies(in: events) == [body])
        #expect(events.last == .end)
    }

    @Test(arguments: 1...7)
    func `a body chunked in any way is the same body`(size: Int) {
        let body = "The quick brown fox"
        var wire = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        var rest = body[...]
        while !rest.isEmpty {
            let chunk = rest.prefix(size)
            wire += String(chunk.utf8.count, radix: 16) + "\r\n" + chunk + "\r\n"
            rest = rest.dropFirst(size)
        }
        #expect(bodies(in: transcript(of: wire + "0\r\n\r\n")) == [body])
    }

    @Test(
        arguments: [
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /b HTTP/1.0\r\n\r\n",
            "\r\nPOST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n0\r\nA: b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n", "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHo\0st: a\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", "\r\n\r\n",
        ])
    func `how the bytes are split makes no difference`(wire: String) {
        let bytes = Array(wire.utf8)
        let whole = transcript(of: [bytes])
        for position in 0...bytes.count {
            #expect(transcript(of: [Array(bytes[..<position]), Array(bytes[position...])]) == whole)
        }
        #expect(transcript(of: bytes.map { [$0] }) == whole)
    }

    @Test(arguments: 0..<20)
    func `damaged messages are read the same way however they are split`(seed: Int) {
        var random = SeededGenerator(seed: seed)
        let whole = bytes(
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
                + "3;x=\"y\"\r\nabc\r\n0\r\nA: b\r\n\r\nPUT /b HTTP/1.0\r\nContent-Length: 2\r\n\r\nxy")
        let alphabet = bytes("\r\n\0 \t:;,=\"\\0159afgHP/\u{E9}")
        for _ in 0..<50 {
            var damaged = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let position = Int.random(in: 0..<damaged.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: damaged.remove(at: position)
                case 1: damaged.insert(alphabet.randomElement(using: &random) ?? 0, at: position)
                default: damaged[position] = alphabet.randomElement(using: &random) ?? 0
                }
            }
            let cut = Int.random(in: 0...damaged.count, using: &random)
            let expected = transcript(of: [damaged])
            #expect(transcript(of: [Array(damaged[..<cut]), Array(damaged[cut...])]) == expected)
            #expect(transcript(of: damaged.map { [$0] }) == expected)
        }
    }

    @Test func `a refused message stays refused`() {
        var parser = RequestParser()
        let first = parser.parse(Array("GET\r\n".utf8).span)
        let second = parser.parse(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8).span)
        #expect(first.action == second.action)
        #expect(second.consumed == 0)
    }
}

// MARK: - Driving the parser

private func transcript(of wire: String) -> [RequestParser.Action] { transcript(of: [Array(wire.utf8)]) }

/// What a parser makes of bytes that come in pieces; neighbouring parts of a body are joined, by length.
func transcript(of pieces: [[UInt8]], limits: Limits = Limits()) -> [RequestParser.Action] {
    var parser = RequestParser(limits: limits)
    var pending: [UInt8] = []
    var actions: [RequestParser.Action] = []
    var body: [UInt8] = []
    for piece in pieces {
        pending += piece
        while true {
            let step = parser.parse(pending.span)
            if case .body(let range) = step.action {
                body += pending[range]
                #expect(range.upperBound == step.consumed && !range.isEmpty)
            }
            pending.removeFirst(step.consumed)
            switch step.action {
            case .needMore: break
            case .body: continue
            case .end:
                if !body.isEmpty { actions.append(.reject(Rejection(.ok, "body", text(body)))) }
                body = []
                actions.append(.end)
                continue
            case .head:
                actions.append(step.action)
                continue
            case .reject:
                actions.append(step.action)
                return actions
            }
            break
        }
    }
    return actions
}

/// The bodies in a transcript, where they stand in for the ranges that depend on how bytes were split.
private func bodies(in actions: [RequestParser.Action]) -> [String] {
    let bodies = actions.compactMap { action in
        if case .reject(let body) = action, body.code == "body" { body.message } else { nil as String? }
    }
    return bodies.isEmpty ? [""] : bodies
}

private func head(of wire: String) throws -> RequestHead { try head(of: Array(wire.utf8)) }

private func head(of wire: [UInt8]) throws -> RequestHead {
    var parser = RequestParser()
    let action = parser.parse(wire.span).action
    guard case .head(let head) = action else { throw NoHead(action: action) }
    return head
}

private struct NoHead: Error {
    let action: RequestParser.Action
}
