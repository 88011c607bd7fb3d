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
}

extension HTTPClient {
    /// The whole body of the answer.
    func text(_ request: ClientRequest) async throws -> String {
        try await send(request).body.text()
    }

    func text(_ url: String) async throws -> String { try await text(ClientRequest(url: url)) }

    /// How a request fails, in its head or its body.
    func failure(of request: ClientRequest) async -> ClientError? {
        do {
            _ = try await text(request)
            return nil
        } catch {
            return error as? ClientError
        }
    }
}

extension ByteSource {
    func collect() async throws -> [UInt8] {
        var all: [UInt8] = []
        while let piece = try await next() { all += piece }
        return all
    }

    func text() async throws -> String { String(decoding: try await collect(), as: UTF8.self) }
}
