import HTTP
import LibEvent
import Support
import Testing

@testable import HTTPClient

/// What a failed request says: what went wrong, and whether it may have bought something.
@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct ClientErrorTests {
    @Test @EventLoop func `a refused connection reached nobody`() async throws {
        let server = ScriptedServer()
        server.stop()
        let error = await HTTPClient(addresses: .any).failure(of: ClientRequest(method: .post, url: server.url))
        guard case .connectFailed = error?.kind else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.reached == .no)
    }

    @Test @EventLoop func `a name without an address reached nobody`() async throws {
        // Longer than a name may be, so that no DNS server is asked.
        let host = String(repeating: "a", count: 70) + ".invalid"
        let error = await HTTPClient(addresses: .any).failure(of: ClientRequest(url: "http://\(host)/"))
        #expect(error?.kind == .unresolvable(host: host))
        #expect(error?.reached == .no)
    }

    @Test @EventLoop func `a server that does not speak TLS reached nobody`() async throws {
        let server = ScriptedServer { $0.send("HTTP/1.1 400 Bad Request\r\n\r\n") }
        let url = "https://127.0.0.1:\(server.port)/"
        let error = await HTTPClient(addresses: .any).failure(of: ClientRequest(method: .post, url: url))
        guard case .tlsFailed = error?.kind else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.reached == .no)
    }

    @Test @EventLoop func `a connection closed after the request may have reached the server`() async throws {
        let server = ScriptedServer { _ = $0.request() }
        let error = await HTTPClient(addresses: .any).failure(
            of: ClientRequest(method: .post, url: server.url, body: .bytes([1])))
        #expect(error?.kind == .connectionLost("Empty reply from server"))
        #expect(error?.reached == .maybe)
        #expect(server.requests.count == 1)
    }

    @Test(arguments: [
        "hello\r\n", "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: " + String(repeating: "x", count: ResponseHead.maxBytes) + "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nplain",
    ])
    @EventLoop func `an answer that is not HTTP is told from a lost connection`(answer: String) async throws {
        let server = ScriptedServer {
            _ = $0.request()
            $0.send(answer)
        }
        let error = await HTTPClient(addresses: .any).failure(of: ClientRequest(url: server.url))
        guard case .malformedResponse = error?.kind else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(error?.reached == .maybe)
    }

    @Test @EventLoop func `a description is a sentence without the query`() async throws {
        let server = ScriptedServer { _ = $0.request() }
        let request = ClientRequest(url: server.url + "/a?signature=s3cret")
        let error = await HTTPClient(addresses: .any).failure(of: request)
        #expect(
            error?.description == """
                GET \(server.url)/a: the connection broke: Empty reply from server; \
                the server may have received the request
                """)
    }

    @Test(arguments: [
        ("localhost", "127.0.0.1", "localhost has the address 127.0.0.1, which is loopback, and"),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1 is loopback, and"), ("[::1]", "::1", "[::1] is loopback, and"),
    ])
    func `an address that is refused is named once`(host: String, address: String, beginning: String) {
        let kind = ClientError.Kind.addressRefused(host: host, address: address, purpose: "loopback")
        #expect(kind.description == beginning + " only public addresses are allowed")
    }

    // MARK: Time

    @Test @EventLoop func `a connection may take so long`() async throws {
        let server = ScriptedServer { $0.waitForClose() }  // and never answers the TLS handshake
        let limit = Duration.milliseconds(50)
        let url = "https://127.0.0.1:\(server.port)/"
        let error = await HTTPClient(addresses: .any).failure(
            of: ClientRequest(method: .post, url: url, limits: TransferLimits(connect: limit)))
        #expect(error?.kind == .timedOut(.connect, limit: limit))
        #expect(error?.reached == .no)
    }

    @Test @EventLoop func `an answer may take so long`() async throws {
        let server = ScriptedServer {
            _ = $0.request()
            $0.waitForClose()
        }
        let limits = TransferLimits(head: .milliseconds(50), idle: .milliseconds(1))
        let error = await HTTPClient(addresses: .any).failure(
            of: ClientRequest(method: .post, url: server.url, limits: limits))
        #expect(error?.kind == .timedOut(.head, limit: .milliseconds(50)))
        #expect(error?.reached == .maybe)
    }

    @Test @EventLoop func `a body may stop moving for so long on its way in`() async throws {
        let server = ScriptedServer {
            _ = $0.request()
            $0.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            $0.waitForClose()
        }
        let limits = TransferLimits(idle: .milliseconds(50))
        let error = await HTTPClient(addresses: .any).failure(of: ClientRequest(url: server.url, limits: limits))
        #expect(error?.kind == .timedOut(.idle, limit: .milliseconds(50)))
        #expect(error?.reached == .maybe)
    }

    @Test @EventLoop func `a body may stop moving for so long on its way out`() async throws {
        let isOver = Locked(false)
        let server = ScriptedServer { _ in isOver.waitUntilTrue() }  // and never reads
        let limits = TransferLimits(head: .milliseconds(1), idle: .milliseconds(50))
        let body = [UInt8](repeating: 1, count: 32 << 20)
        let error = await HTTPClient(addresses: .any).failure(
            of: ClientRequest(method: .post, url: server.url, body: .bytes(body), limits: limits))
        isOver.with { $0 = true }
        #expect(error?.kind == .timedOut(.idle, limit: .milliseconds(50)))
        #expect(error?.reached == .maybe)
    }

    @Test @EventLoop func `the source of a body may stand still for so long`() async throws {
        let server = ScriptedServer()
        let source = StuckAfterOnePiece([1])
        let limits = TransferLimits(head: .milliseconds(1), idle: .milliseconds(50))
        let error = await HTTPClient(addresses: .any).failure(
            of: ClientRequest(method: .post, url: server.url, body: .stream(source, length: 3), limits: limits))
        #expect(error?.kind == .timedOut(.idle, limit: .milliseconds(50)))
        // On a busy machine the time may be over before the source is asked again.
        #expect(await eventually { !source.isStuck })
    }

    @Test @EventLoop func `the whole may take so long, however much moves`() async throws {
        let server = ScriptedServer {
            _ = $0.request()
            $0.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            while $0.send("x") {}
        }
        let limits = TransferLimits(total: .milliseconds(100))
        let error = await HTTPClient(addresses: .any).failure(of: ClientRequest(url: server.url, limits: limits))
        #expect(error?.kind == .timedOut(.total, limit: .milliseconds(100)))
    }
}
