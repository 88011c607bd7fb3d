import HTTP
import HTTPServer
import LibEvent
import Support
import Testing

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct RequestBodyTests {
    @Test(
        arguments: [
            ("Content-Length: 5\r\n\r\nhello", "hello"), ("\r\n", ""),
            ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!"),
        ])
    @EventLoop func `a body arrives whole, and the connection goes on`(rest: String, body: String) async throws {
        let server = try TestServer(answer: echo)
        let client = try server.connect()
        for _ in 0..<2 {
            await client.send("POST / HTTP/1.1\r\nHost: a\r\n" + rest)
            let end = "Content-Length: \(body.count)\r\n\r\n\(body)"
            #expect(withoutDates(await client.receive(until: end)) == "HTTP/1.1 200 OK\r\n" + end)
        }
        await server.stop()
    }

    @Test @EventLoop func `a large body is echoed as it comes`() async throws {
        let server = try TestServer { _, body in
            Response(.ok, body: .stream(body, length: body.contentLength))
        }
        let client = try server.connect()
        let body = bytes(String(repeating: "0123456789", count: 500_000))
        let answer = EventLoop.spawn { await client.receiveAll() }
        await client.send("PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: \(body.count)\r\n\r\n")
        #expect(await client.send(body) == body.count)
        #expect(try await Array(answer.value.utf8.suffix(body.count)) == body)
        await server.stop()
    }

    @Test(arguments: ["Content-Length: 6\r\n\r\nhello!", "Content-Length: 6\r\n\r\n", "Content-Length: 0\r\n\r\n"])
    @EventLoop func `a reader that wants much at once gets less only at the end`(start: String) async throws {
        let server = try TestServer { _, body in
            var parts: [String] = []
            do { while let part = try await body.next(atLeast: 4) { parts.append(text(part)) } } catch {}
            return Response(.ok, body: .bytes(bytes(parts.joined(separator: "|"))))
        }
        let client = try server.connect()
        await client.send("POST / HTTP/1.1\r\nHost: a\r\n\(start)")
        if start.hasSuffix("6\r\n\r\n") { for part in ["he", "ll", "o", "!"] { await client.send(part) } }
        let answer = await client.receive(until: start.contains("6") ? "!" : "\r\n\r\n")
        // What the client sends in four may come in fewer.
        let parts = answer.split(separator: "\r\n\r\n").dropFirst().joined().split(separator: "|")
        #expect(parts.joined() == (start.contains("6") ? "hello!" : ""))
        #expect(parts.dropLast().allSatisfy { $0.count >= 4 }, "\(parts)")
        await server.stop()
    }

    // MARK: 100 Continue

    @Test @EventLoop func `a client that waits is told to continue with the first read`() async throws {
        let server = try TestServer(answer: echo)
        let client = try server.connect()
        await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        #expect(await client.receive(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        await client.send("hello")
        #expect(
            withoutDates(await client.receive(until: "hello"))
                == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        await server.stop()
    }

    @Test(arguments: ["", "Expect: 100-continue\r\n"])
    @EventLoop func `nobody is told to continue without need`(expectation: String) async throws {
        let server = try TestServer(answer: echo)
        let client = try server.connect()
        await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\(expectation)\r\nhello")
        #expect(await client.receive(until: "hello").hasPrefix("HTTP/1.1 200 OK\r\n"))
        await server.stop()
    }

    @Test @EventLoop func `a refused expectation ends the connection, since the body may or may not come`() async throws
    {
        let server = try TestServer { _, _ in Response(.contentTooLarge) }
        let client = try server.connect()
        await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        #expect(
            withoutDates(await client.receiveAll())
                == "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await server.stop()
    }

    // MARK: Answers before the body

    @Test(arguments: [true, false])
    @EventLoop func `a client that is still sending gets to read an early answer`(isChunked: Bool) async throws {
        let server = try TestServer { _, _ in Response(.contentTooLarge, body: .bytes(bytes("too large"))) }
        let client = try server.connect()
        let size = 5 << 20
        let framing = isChunked ? "Transfer-Encoding: chunked" : "Content-Length: \(size)"
        await client.send("POST / HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n")
        if isChunked { await client.send(String(size, radix: 16) + "\r\n") }
        // It reads only after it has sent everything, as many clients do.
        #expect(await client.send([UInt8](repeating: 0, count: size)) == size)
        #expect(
            withoutDates(await client.receiveAll())
                == "HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large")
        #expect(await server.exchanges(1).first?.isComplete == true)
        await server.stop()
    }

    @Test @EventLoop func `a small body that nobody read does not cost the connection`() async throws {
        let server = try TestServer { request, _ in Response(.ok, body: .bytes(bytes(request.target))) }
        let client = try server.connect()
        await client.send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        #expect(withoutDates(await client.receive(until: "/1")) == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/1")
        await client.send(String(repeating: "x", count: 1000) + "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(withoutDates(await client.receive(until: "/2")) == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n/2")
        await server.stop()
    }

    @Test @EventLoop func `what is dropped after the last answer has a limit`() async throws {
        var limits = Limits()
        limits.lingerBytes = 1 << 20
        let server = try TestServer(limits: limits) { _, _ in Response(.contentTooLarge) }
        let client = try server.connect()
        await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
        #expect(await client.send([UInt8](repeating: 0, count: 100_000_000)) < 100_000_000)
        await server.stop()
    }

    // MARK: Bodies that do not come

    @Test(
        arguments: [
            ("Content-Length: 5\r\n\r\nhe", nil, .clientLeft),
            ("Content-Length: 11\r\n\r\n", 10, .tooLarge(limit: 10)),
            ("Transfer-Encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n", 10, .tooLarge(limit: 10)),
            ("Transfer-Encoding: chunked\r\n\r\n5\r\nhe", nil, .clientLeft),
        ] as [(String, Int?, BodyError)])
    @EventLoop func `a body that cannot be read says why`(rest: String, limit: Int?, error: BodyError) async throws {
        let heard = Heard()
        let server = try TestServer { _, body in
            if let limit { body.limit = limit }
            await heard.read(body)
            return Response(.badRequest)
        }
        let client = try server.connect()
        await client.send("POST / HTTP/1.1\r\nHost: a\r\n" + rest)
        client.endOutput()
        #expect(await client.receiveAll().contains("\r\nConnection: close\r\n"))
        #expect(heard.errors == [error, error])
        await server.stop()
    }

    @Test @EventLoop func `a body that makes no sense is refused in the middle`() async throws {
        let heard = Heard()
        let server = try TestServer { _, body in
            await heard.read(body)
            return Response(.badRequest)
        }
        let client = try server.connect()
        await client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhix\r\n")
        #expect(await client.receiveAll().hasPrefix("HTTP/1.1 400 "))
        guard case .malformed(let rejection) = heard.errors.first else {
            Issue.record("\(heard.errors)")
            return
        }
        #expect(rejection.code == "invalid_chunk_end")
        await server.stop()
    }

    @Test @EventLoop func `a body that stalls is given up`() async throws {
        var limits = Limits()
        limits.bodyStall = .milliseconds(20)
        let heard = Heard()
        let server = try TestServer(limits: limits) { _, body in
            await heard.read(body)
            return Response(.requestTimeout)
        }
        let client = try server.connect()
        await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
        #expect(await client.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 408 "))
        #expect(heard.errors.first == .timedOut(.milliseconds(20)))
        await server.stop()
    }

    @Test @EventLoop func `a body kept beyond its request reads nothing of the next`() async throws {
        let heard = Heard()
        let server = try TestServer { _, body in
            heard.body = body
            return Response(.ok)
        }
        let client = try server.connect()
        await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        _ = await client.receive(until: "\r\n\r\n")
        _ = await server.exchanges(1)
        if let body = heard.body { await heard.read(body) }
        #expect(heard.errors == [.clientLeft, .clientLeft])
        await server.stop()
    }

    @Test @EventLoop func `a body made of bytes is read like any other`() async throws {
        let body = RequestBody(bytes("hello"))
        #expect(body.contentLength == 5)
        #expect(try await body.collect() == bytes("hello"))
        #expect(try await body.next() == nil)
        let limited = RequestBody(bytes("hello"))
        limited.limit = 4
        await #expect(throws: BodyError.tooLarge(limit: 4)) { try await limited.next() }
    }
}

/// What a handler met while it read a body: the same error again when it asks again.
@EventLoop
private final class Heard {
    var errors: [BodyError] = []
    var body: RequestBody?

    func read(_ body: RequestBody) async {
        for _ in 0..<2 {
            do throws(BodyError) {
                while try await body.next() != nil {}
            } catch {
                errors.append(error)
            }
        }
    }
}

@EventLoop @Sendable
private func echo(_ request: Request, _ body: RequestBody) async -> Response {
    do {
        return Response(.ok, body: .bytes(try await body.collect()))
    } catch {
        return Response(.badRequest)
    }
}
