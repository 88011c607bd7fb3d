import HTTP
import LibEvent
import Support
import Testing

@testable import HTTPClient

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct RedirectTests {
    static func redirecting(
        to location: String, status: String = "302 Found", on address: String = "127.0.0.1"
    ) -> ScriptedServer {
        ScriptedServer(on: address) { peer in
            while let request = peer.request() {
                if request.line.contains("/end") {
                    peer.answer("end")
                } else {
                    peer.answer("go on", status: status, fields: "Location: \(location)\r\n")
                }
            }
        }
    }

    @Test(arguments: [
        "301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect",
    ])
    @EventLoop func `a GET follows`(status: String) async throws {
        let server = Self.redirecting(to: "/end/%2F/../x?y=%2B", status: status)
        let response = try await HTTPClient(addresses: .any).send(ClientRequest(url: server.url + "/a", redirects: 1))
        #expect(try await response.body.text() == "end")
        #expect(response.finalURL == server.url + "/end/%2F/../x?y=%2B")
        #expect(server.requests.map(\.line) == ["GET /a HTTP/1.1", "GET /end/%2F/../x?y=%2B HTTP/1.1"])
    }

    @Test(arguments: [(Method.get, 0), (.post, 5), (.delete, 5)])
    @EventLoop func `anything else gets the redirect as it is`(method: HTTP.Method, redirects: Int) async throws {
        let server = Self.redirecting(to: "/end", status: "307 Temporary Redirect")
        let response = try await HTTPClient(addresses: .any).send(
            ClientRequest(method: method, url: server.url, redirects: redirects))
        #expect(response.status == Status(rawValue: 307))
        #expect(response.fields["Location"] == "/end")
        #expect(server.requests.count == 1)
    }

    @Test @EventLoop func `there is an end to them`() async throws {
        let server = Self.redirecting(to: "/again")
        let error = await HTTPClient(addresses: .any).failure(of: ClientRequest(url: server.url, redirects: 3))
        #expect(error?.kind == .tooManyRedirects(limit: 3))
        #expect(server.requests.count == 4)
    }

    @Test(arguments: ["ftp://127.0.0.1/", "file:///etc/passwd", "http://user:secret@127.0.0.1/", "http://a b/"])
    @EventLoop func `they lead only to plain http and https`(location: String) async throws {
        let server = Self.redirecting(to: location)
        let error = await HTTPClient(addresses: .any).failure(of: ClientRequest(url: server.url, redirects: 3))
        guard case .redirectRefused = error?.kind else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.description.contains("secret") == false)
    }

    @Test @EventLoop func `they never lead from https to http`() throws {
        var head = ResponseHead()
        for line in ["HTTP/1.1 302 Found\r\n", "Location: http://example.com/\r\n", "\r\n"] {
            try head.append(line: line.utf8Span.span)
        }
        let request = ClientRequest(url: "https://example.com/", redirects: 1)
        let url = try TargetURL(request.url)
        let error = #expect(throws: ClientError.self) { try request.redirected(by: head, from: url) }
        #expect(error?.kind == .redirectRefused("it leaves https"))
    }

    @Test @EventLoop func `credentials stay with their origin`() async throws {
        let other = ScriptedServer()
        let server = Self.redirecting(to: other.url + "/end")
        let fields: Fields = [
            "Authorization": "Bearer s3cret", "X-Api-Key": "s3cret", "Cookie": "s3cret", "Accept": "image/png",
        ]
        let client = HTTPClient(addresses: .any)
        _ = try await client.text(ClientRequest(url: server.url, fields: fields, redirects: 1))
        #expect(server.requests.first?.field("X-Api-Key") == "s3cret")
        #expect(other.requests.first?.field("Accept") == "image/png")
        #expect(other.requests.first?.head.contains("s3cret") == false)
    }

    @Test @EventLoop func `credentials go along within their origin`() async throws {
        let server = Self.redirecting(to: "/end")
        let request = ClientRequest(url: server.url, fields: ["X-Api-Key": "s3cret"], redirects: 1)
        _ = try await HTTPClient(addresses: .any).text(request)
        #expect(server.requests.last?.field("X-Api-Key") == "s3cret")
    }

    @Test @EventLoop func `one to a private address is refused`() async throws {
        let target = ScriptedServer()
        let server = Self.redirecting(to: target.url + "/end", on: "127.0.0.2")
        let range = try #require(AddressRange("127.0.0.2"))
        let client = HTTPClient(addresses: .publicOnly(except: [range]))
        let error = await client.failure(of: ClientRequest(url: server.url, redirects: 1))
        #expect(error?.kind == .addressRefused(host: "127.0.0.1", address: "127.0.0.1", purpose: "loopback"))
        #expect(error?.reached == .no)
        #expect(target.connectionCount == 0)
    }
}
