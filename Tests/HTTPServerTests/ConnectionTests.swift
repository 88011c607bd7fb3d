import HTTP
import HTTPServer
import LibEvent
import Support
import Testing

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct ConnectionTests {
    // MARK: Several requests

    @Test @EventLoop func `pipelined requests are answered in order`() async throws {
        let server = try TestServer { request, body in
            // The first answers last, if anything could overtake it.
            if request.target == "/1" { try? await EventLoop.sleep(for: .milliseconds(20)) }
            let sent = (try? await body.collect()) ?? []
            return Response(.ok, body: .bytes(bytes(request.target) + sent))
        }
        let client = try server.connect()
        await client.send(
            "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                + "GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(
            withoutDates(await client.receiveAll())
                == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/1HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n/2abc"
                + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n/3")
        #expect(await server.exchanges(3).map(\.request?.target) == ["/1", "/2", "/3"])
        await server.stop()
    }

    @Test(
        arguments: [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "", true),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "Connection: close\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", "Connection: close\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "Connection: keep-alive\r\n", true),
        ])
    @EventLoop func `the connection is kept as the client asks`(
        request: String, field: String, isKept: Bool
    ) async throws {
        let server = try TestServer()
        let client = try server.connect()
        await client.send(request)
        #expect(
            withoutDates(await client.receive(until: "ok")) == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\(field)\r\nok")
        await client.send(request)
        #expect(await client.isClosed() == !isKept)
        await server.stop()
    }

    @Test @EventLoop func `a client that closes its sending side still gets its answers`() async throws {
        let server = try TestServer()
        let client = try server.connect()
        await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.endOutput()
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        #expect(withoutDates(await client.receiveAll()) == answer + answer)
        await server.stop()
    }

    // MARK: Kinds of answers

    @Test(
        arguments: [
            ("GET", "1.1", "Content-Length: 11\r\n\r\nhello world"),
            ("HEAD", "1.1", "Content-Length: 11\r\n\r\n"),
        ])
    @EventLoop func `HEAD gets the fields of GET and no body`(
        method: String, version: String, rest: String
    ) async throws {
        let server = try TestServer { _, _ in Response(.ok, body: .bytes(bytes("hello world"))) }
        let client = try server.connect()
        await client.send("\(method) / HTTP/\(version)\r\nHost: a\r\n\r\n")
        #expect(withoutDates(await client.receive(until: rest)) == "HTTP/1.1 200 OK\r\n" + rest)
        await server.stop()
    }

    @Test(
        arguments: [
            ("1.1", nil, "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
            ("1.1", 11, "Content-Length: 11\r\n\r\nhello world"),
            ("1.0", 11, "Content-Length: 11\r\nConnection: close\r\n\r\nhello world"),
            ("1.0", nil, "Connection: close\r\n\r\nhello world"),
        ] as [(String, Int?, String)])
    @EventLoop func `a stream's end is told as the version allows`(
        version: String, length: Int?, rest: String
    ) async throws {
        let server = try TestServer { _, _ in
            Response(.ok, body: .stream(PreparedSource(["hello", "", " world"]), length: length))
        }
        let client = try server.connect()
        await client.send("GET / HTTP/\(version)\r\nHost: a\r\n\r\n")
        #expect(withoutDates(await client.receive(until: rest)) == "HTTP/1.1 200 OK\r\n" + rest)
        await server.stop()
    }

    @Test(
        arguments: [
            (nil, true), (20, false), (3, false),
        ] as [(Int?, Bool)])
    @EventLoop func `an answer that breaks off does not look complete`(length: Int?, fails: Bool) async throws {
        let server = try TestServer { _, _ in
            Response(
                .ok, body: .stream(PreparedSource(["hello"], error: fails ? CancellationError() : nil), length: length))
        }
        let client = try server.connect()
        await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let answer = await client.receiveAll()
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") || answer.isEmpty)
        #expect(!answer.hasSuffix("0\r\n\r\n"))
        let exchange = try #require(await server.exchanges(1).first)
        #expect(!exchange.isComplete)
        #expect(!exchange.clientLeft)
        await server.stop()
    }

    @Test(arguments: [Status.noContent, .notModified])
    @EventLoop func `some statuses have no body`(status: Status) async throws {
        let server = try TestServer { _, _ in Response(status, body: .bytes(bytes("ignored"))) }
        let client = try server.connect()
        await client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(
            withoutDates(await client.receiveAll())
                == "HTTP/1.1 \(status.rawValue) \(status.reasonPhrase)\r\nConnection: close\r\n\r\n")
        await server.stop()
    }

    @Test @EventLoop func `a value cannot add a line to the head`() async throws {
        let server = try TestServer { _, _ in
            Response(
                .ok,
                fields: [
                    "X-A": "b\r\nSet-Cookie: c\0", "Bad\r\nName": "d", "Content-Length": "99", "connection": "close",
                    "Transfer-Encoding": "gzip", "Date": "today",
                ])
        }
        let client = try server.connect()
        await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(
            await client.receiveAll()
                == "HTTP/1.1 200 OK\r\nX-A: b  Set-Cookie: c \r\nDate: today\r\nContent-Length: 0\r\n"
                + "Connection: close\r\n\r\n")
        await server.stop()
    }

    @Test @EventLoop func `a large answer waits for a slow reader`() async throws {
        let body = bytes(String(repeating: "0123456789abcdef", count: 1 << 20))
        let server = try TestServer { _, _ in Response(.ok, body: .bytes(body)) }
        let client = try server.connect()
        await client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        try await EventLoop.sleep(for: .milliseconds(50))
        let answer = await client.receiveAll()
        #expect(Array(answer.utf8.suffix(body.count)) == body)
        let exchange = try #require(await server.exchanges(1).first)
        #expect(exchange.isComplete && exchange.sentBytes == answer.utf8.count)
        await server.stop()
    }

    @Test @EventLoop func `a reader that takes nothing is given up`() async throws {
        var limits = Limits()
        limits.writeStall = .milliseconds(50)
        let server = try TestServer(limits: limits) { _, _ in
            Response(.ok, body: .bytes([UInt8](repeating: 0, count: 30 << 20)))
        }
        let client = try server.connect()
        client.shrinkReceiveBuffer()
        await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let exchange = try #require(await server.exchanges(1).first)
        #expect(!exchange.isComplete && exchange.clientLeft)
        #expect(exchange.sentBytes < 30 << 20)
        await server.stop()
        withExtendedLifetime(client) {}
    }

    // MARK: No request

    @Test(
        arguments: [
            ("GET / HTTP/3.0\r\n\r\n", "HTTP/1.1 505 HTTP Version Not Supported", "version_not_supported"),
            ("\u{16}\u{3}\u{1}\u{2}", "HTTP/1.1 400 Bad Request", "tls_on_plain_port"),
        ])
    @EventLoop func `what is no request is answered in the handler's words`(
        wire: String, statusLine: String, code: String
    ) async throws {
        let server = try TestServer()
        let client = try server.connect()
        await client.send(wire)
        let answer = withoutDates(await client.receiveAll())
        #expect(answer == "\(statusLine)\r\nContent-Length: \(code.count)\r\nConnection: close\r\n\r\n\(code)")
        #expect(await server.exchanges(1).first?.request == nil)
        await server.stop()
    }

    @Test @EventLoop func `a head that takes too long is given up, however steadily it comes`() async throws {
        var limits = Limits()
        limits.headTime = .milliseconds(60)
        let server = try TestServer(limits: limits)
        let client = try server.connect()
        let dripping = EventLoop.spawn {
            for byte in bytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n") {
                await client.send([byte])
                try await EventLoop.sleep(for: .milliseconds(10))
            }
        }
        #expect(await client.receiveAll().hasPrefix("HTTP/1.1 408 "))
        dripping.cancel()
        await server.stop()
    }

    @Test @EventLoop func `an idle connection is closed without a word`() async throws {
        var limits = Limits()
        limits.idleTime = .milliseconds(20)
        let server = try TestServer(limits: limits)
        let client = try server.connect()
        #expect(await client.receiveAll().isEmpty)
        #expect(server.exchanges.isEmpty)
        await server.stop()
    }

    // MARK: Clients that leave

    @Test @EventLoop func `a connection that breaks ends what its handler waits for`() async throws {
        let started = Wakeup()
        let server = try TestServer { _, _ in
            started.signal()
            do {
                try await EventLoop.sleep(for: .seconds(3600))
                return Response(.ok)
            } catch {
                return Response(.requestTimeout)
            }
        }
        do {
            let client = try server.connect()
            await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = await started.wait()
            client.reset()
        }
        let exchange = try #require(await server.exchanges(1).first)
        #expect(exchange.clientLeft)
        #expect(exchange.status == .requestTimeout)
        await server.stop()
    }

    @Test @EventLoop func `a client that only stops sending gets its answers`() async throws {
        let server = try TestServer { _, _ in
            try? await EventLoop.sleep(for: .milliseconds(20))
            return Response(.ok)
        }
        let client = try server.connect()
        await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.endOutput()
        let received = await client.receiveAll()
        #expect(received.ranges(of: "HTTP/1.1 200 OK").count == 2)
        await server.stop()
    }

    /// The reset comes to the server in one event with the bytes before it.
    @Test(arguments: ["GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234"])
    @EventLoop func `a connection that is reset in the middle of a request is let go`(start: String) async throws {
        var limits = Limits()
        limits.connections = 1
        let server = try TestServer(limits: limits) { _, body in
            _ = try? await body.collect()
            return Response(.ok)
        }
        for _ in 0..<20 {
            let client = try server.connect()
            client.sendAndReset(start)
        }
        // Each of them has made room for the next.
        let client = try server.connect()
        await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(await client.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 200 "))
        await server.stop()
    }

    @Test @EventLoop func `a connection that breaks ends the stream that it was sent`() async throws {
        let source = EndlessSource()
        let server = try TestServer { _, _ in Response(.ok, body: .stream(source, length: nil)) }
        do {
            let client = try server.connect()
            await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            _ = await client.receive(until: "tick\r\n")
            client.reset()
        }
        let exchange = try #require(await server.exchanges(1).first)
        #expect(exchange.clientLeft && !exchange.isComplete)
        await server.stop()
    }

    // MARK: Stopping

    @Test @EventLoop func `stopping lets requests finish and closes idle connections at once`() async throws {
        let started = Wakeup()
        let goOn = Wakeup()
        var limits = Limits()
        limits.lingerStall = .milliseconds(20)
        let server = try TestServer(limits: limits) { request, _ in
            if request.target == "/slow" {
                started.signal()
                _ = await goOn.wait()
            }
            return Response(.ok)
        }
        let idle = try server.connect()
        await idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = await idle.receive(until: "\r\n\r\n")
        let busy = try server.connect()
        await busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = await started.wait()
        let stopping = EventLoop.spawn { await server.stop(within: .seconds(10)) }
        #expect(await idle.isClosed() == true)
        goOn.signal()
        #expect(
            withoutDates(await busy.receiveAll())
                == "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        #expect(try await stopping.value == 0)
    }

    @Test @EventLoop func `stopping cuts off what takes too long`() async throws {
        let started = Wakeup()
        let server = try TestServer { _, _ in
            started.signal()
            try? await EventLoop.sleep(for: .seconds(3600))
            return Response(.ok)
        }
        let client = try server.connect()
        await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = await started.wait()
        #expect(await server.stop(within: .milliseconds(20)) == 1)
        #expect(await client.receiveAll().isEmpty)
        #expect(await server.exchanges(1).first?.isComplete == false)
    }

    @Test @EventLoop func `connections beyond the limit wait for others to close`() async throws {
        var limits = Limits()
        limits.connections = 1
        let server = try TestServer(limits: limits)
        var first: RawClient? = try server.connect()
        await first?.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = await first?.receive(until: "ok")
        let second = try server.connect()
        await second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try await EventLoop.sleep(for: .milliseconds(20))
        #expect(server.exchanges.count == 1)
        first = nil
        #expect(await second.receive(until: "ok").hasSuffix("ok"))
        await server.stop()
    }
}

/// Gives one part, and then waits until it is cancelled.
@EventLoop
private final class EndlessSource: ByteSource {
    private var hasTicked = false

    func next() async throws -> [UInt8]? {
        if hasTicked { try await EventLoop.sleep(for: .seconds(3600)) }
        hasTicked = true
        return bytes("tick")
    }
}
