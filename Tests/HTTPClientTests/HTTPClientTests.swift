import HTTP
import LibEvent
import Support
import Testing

@testable import HTTPClient

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct HTTPClientTests {
    @Test @EventLoop func `a GET returns status, fields and body`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer {
            while $0.request() != nil { $0.answer("hello", status: "201 Created", fields: "X-One: 1\r\nx-empty:\r\n") }
        }
        let response = try await client.send(ClientRequest(url: server.url + "/a"))
        #expect(response.status == Status(rawValue: 201))
        #expect(response.fields["x-one"] == "1")
        #expect(response.fields["X-Empty"] == "")
        #expect(response.finalURL == server.url + "/a")
        #expect(try await response.body.text() == "hello")
        #expect(server.requests.first?.line == "GET /a HTTP/1.1")
    }

    @Test @EventLoop func `a connection is used again`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer()
        for _ in 0..<3 { #expect(try await client.text(server.url) == "ok") }
        #expect(server.connectionCount == 1)
        #expect(server.requests.count == 3)
    }

    @Test(arguments: ["/a%2Fb/../c/./d%2B+?q=%7e&&x=a%20b", "//double", "/?", "/a;b=c?d#fragment"])
    @EventLoop func `the URL arrives byte for byte`(target: String) async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer()
        _ = try await client.text(server.url + target)
        #expect(server.requests.first?.line == "GET \(target.prefix { $0 != "#" }) HTTP/1.1")
    }

    @Test @EventLoop func `libcurl reads an address with a zone itself, for it copies none`() throws {
        #expect(try TargetURL("http://[fe80::1%25eth0]:8000/").parts == nil)
        #expect(try TargetURL("http://[fe80::1]:8000/").parts != nil)
    }

    @Test @EventLoop func `nothing is sent that nobody asked for`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer()
        let fields: Fields = ["Content-Type": "text/plain", "X-Empty": "  ", "Accept": "image/png"]
        _ = try await client.text(ClientRequest(method: .post, url: server.url, fields: fields, body: .bytes([1])))
        let lines = server.requests.first?.head.split(separator: "\r\n").map { String($0) } ?? []
        #expect(
            lines.sorted() == [
                "Accept-Encoding: identity", "Accept: image/png", "Content-Length: 1", "Content-Type: text/plain",
                "Host: 127.0.0.1:\(server.port)", "POST / HTTP/1.1", "User-Agent: easel", "X-Empty:",
            ])
    }

    @Test @EventLoop func `an order says nothing of the one before it`() async throws {
        let client = HTTPClient(addresses: .any)
        let servers = [ScriptedServer(), ScriptedServer()]
        let order = { (server: ScriptedServer, key: String, text: String) in
            ClientRequest(
                method: .post, url: "\(server.url)/\(key)", fields: ["Authorization": key],
                body: .bytes(Array(text.utf8)))
        }
        for (server, key, text) in [(0, "one", "an otter with a beret"), (1, "two", "a seal"), (0, "three", "a dog")] {
            #expect(try await client.text(order(servers[server], key, text)) == "ok")
            let request = try #require(servers[server].requests.last)
            #expect(request.line == "POST /\(key) HTTP/1.1")
            #expect(request.field("Authorization") == key)
            #expect(request.field("Content-Length") == "\(text.utf8.count)")
        }
        for key in ["four", "five", nil] {
            let fields = key.map { ["Authorization": $0] as Fields } ?? [:]
            _ = try await client.text(
                ClientRequest(method: .post, url: servers[1].url, fields: fields, body: .bytes([1])))
            #expect(servers[1].requests.last?.field("Authorization") == key)
        }
        _ = try await client.text(servers[1].url + "/a")
        #expect(servers[1].requests.last?.line == "GET /a HTTP/1.1")
        #expect(servers[1].requests.last?.field("Content-Length") == nil)
    }

    @Test @EventLoop func `whoever lets go of an answer late ends no other order`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer()
        let request = ClientRequest(method: .post, url: server.url, body: .bytes([1]))
        var earlier: ClientResponse? = try await client.send(request)
        #expect(try await earlier?.body.collect() == Array("ok".utf8))
        let next = try await client.send(request)
        earlier = nil
        #expect(try await next.body.text() == "ok")
    }

    @Test(arguments: [Method.post, .put]) @EventLoop
    func `a method that expects a body announces an empty one`(method: HTTP.Method) async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer()
        _ = try await client.text(ClientRequest(method: method, url: server.url))
        #expect(server.requests.first?.field("Content-Length") == "0")
    }

    @Test(arguments: [Method.get, .delete, .head]) @EventLoop
    func `another method announces no body`(method: HTTP.Method) async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer {
            while $0.request() != nil { $0.send("HTTP/1.1 204 No Content\r\n\r\n") }
        }
        _ = try await client.text(ClientRequest(method: method, url: server.url))
        #expect(server.requests.first?.line == "\(method.rawValue) / HTTP/1.1")
        #expect(server.requests.first?.field("Content-Length") == nil)
    }

    @Test @EventLoop func `a HEAD has the length and no body`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer {
            while $0.request() != nil { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n") }
        }
        let response = try await client.send(ClientRequest(method: .head, url: server.url))
        #expect(response.fields["Content-Length"] == "1000")
        #expect(try await response.body.text() == "")
    }

    @Test @EventLoop func `interim responses are skipped`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer {
            _ = $0.request()
            $0.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style>\r\n\r\n")
            $0.answer("late")
        }
        let response = try await client.send(ClientRequest(url: server.url))
        #expect(response.status == .ok)
        #expect(response.fields["Link"] == nil)
        #expect(try await response.body.text() == "late")
    }

    @Test @EventLoop func `chunks are put together and trailer fields ignored`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer {
            _ = $0.request()
            $0.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            $0.send("3\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n")
            $0.waitForClose()
        }
        let response = try await client.send(ClientRequest(url: server.url))
        #expect(try await response.body.text() == "abcde")
        #expect(response.fields["X-Trailer"] == nil)
    }

    @Test @EventLoop func `an answer that is compressed all the same is decoded`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer {
            _ = $0.request()
            $0.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 25\r\n\r\n")
            // printf hello | gzip -n
            $0.send([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 7, 0])
            $0.send([0x86, 0xA6, 0x10, 0x36, 5, 0, 0, 0])
            $0.waitForClose()
        }
        #expect(try await client.text(server.url) == "hello")
    }

    @Test @EventLoop func `an answer stays as it is compressed where that is asked for`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer {
            _ = $0.request()
            $0.send("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello")
            $0.waitForClose()
        }
        let response = try await client.send(ClientRequest(url: server.url, decodes: false))
        #expect(response.fields["Content-Encoding"] == "gzip")
        #expect(try await response.body.next() == Array("hello".utf8))
    }

    @Test(arguments: [
        ("X-One", "a\r\nX-Two: b"), ("X-One", "a\nb"), ("X-One", "a\0b"), ("X-One\r\nX-Two", "a"), ("X One", "a"),
        ("", "a"), ("X-One:", "a"), ("Content-Length", "5"), ("transfer-encoding", "chunked"), ("Host", "example.com"),
    ])
    @EventLoop func `a field that would change the message is not sent`(name: String, value: String) async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer()
        var fields: Fields = [:]
        fields.append(name, value)
        let error = await client.failure(of: ClientRequest(method: .post, url: server.url, fields: fields))
        #expect(error?.kind == .invalidRequest("the header field \(name.debugDescription) cannot be sent"))
        #expect(error?.reached == .no)
        #expect(server.connectionCount == 0)
    }

    @Test(arguments: ["GET / HTTP/1.1\r\nX", "", "G T"])
    @EventLoop func `a method that is not a token is not sent`(method: String) async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer()
        let error = await client.failure(of: ClientRequest(method: Method(rawValue: method), url: server.url))
        #expect(error?.kind == .invalidRequest("the method is not a token"))
        #expect(server.connectionCount == 0)
    }

    @Test(arguments: [
        "", "/relative", "example.com/no-scheme", "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/",
        "http://", "http:///", "http://user:secret@127.0.0.1/", "http://127.0.0.1/a b", "http://127.0.0.1/\r\nX: 1",
        "http://127.0.0.1/\0", "http://127.0.0.1:99999/", "http://[::1",
    ])
    @EventLoop func `a URL that is not plain http or https is refused`(url: String) async throws {
        let client = HTTPClient(addresses: .any)
        let error = await client.failure(of: ClientRequest(url: url))
        guard case .invalidURL = error?.kind else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.reached == .no)
        #expect(error?.description.contains("secret") == false)
    }

    @Test @EventLoop func `a client goes when its last transfer has`() async throws {
        let server = ScriptedServer()
        weak var gone: HTTPClient?
        var body: (any ByteSource)?
        do {
            let client = HTTPClient(addresses: .any)
            gone = client
            body = try await client.send(ClientRequest(url: server.url)).body
        }
        #expect(gone != nil)
        #expect(try await body?.text() == "ok")
        body = nil
        #expect(await eventually { gone == nil })
    }
}
