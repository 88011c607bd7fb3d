import HTTP
import LibEvent
import Support
import Testing

@testable import HTTPClient

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct TransferTests {
    // MARK: Bodies that go out

    @Test(arguments: [0, 1, 16_384, 16_385, 70_000, 300_000])
    @EventLoop func `bytes arrive as they are`(count: Int) async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer()
        let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        _ = try await client.text(ClientRequest(method: .post, url: server.url, body: .bytes(body)))
        #expect(server.requests.first?.field("Content-Length") == "\(count)")
        #expect(server.requests.first?.field("Expect") == nil)
        #expect(server.requests.first?.body == body)
    }

    @Test(arguments: [
        [], [[1], [2, 3]], [[UInt8](repeating: 1, count: 100_000), [2], [UInt8](repeating: 3, count: 70_000)],
    ])
    @EventLoop func `a stream arrives in order`(pieces: [[UInt8]]) async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer()
        for areAtHand in [false, true] {
            let source = ListedPieces(pieces, areAtHand: areAtHand)
            let body = ClientRequest.Body.stream(source, length: pieces.joined().count)
            #expect(try await client.text(ClientRequest(method: .post, url: server.url, body: body)) == "ok")
            #expect(server.requests.last?.body == Array(pieces.joined()))
        }
    }

    @Test(arguments: [
        (ListedPieces([[1, 2]]), "it ends 1 bytes before its announced length"),
        (ListedPieces([[1, 2], [3, 4]]), "it is longer than announced"),
        (ListedPieces([[1]], then: SourceFailure()), "the disk is gone"),
    ])
    @EventLoop func `a stream that fails, fails the request`(source: ListedPieces, reason: String) async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer()
        let error = await client.failure(
            of: ClientRequest(method: .post, url: server.url, body: .stream(source, length: 3)))
        #expect(error?.kind == .requestBodyFailed(reason))
        #expect(error?.reached == .maybe)
        #expect(server.requests.isEmpty)
    }

    @Test @EventLoop func `an answer may come before the body has gone out`() async throws {
        let client = HTTPClient(addresses: .any)
        let source = StuckAfterOnePiece([1])
        let isTimeToAnswer = Locked(false)
        let server = ScriptedServer {
            _ = $0.requestHead()
            isTimeToAnswer.waitUntilTrue()
            $0.answer("too much", status: "413 Content Too Large", fields: "Connection: close\r\n")
            $0.waitForClose()
        }
        let request = ClientRequest(method: .post, url: server.url, body: .stream(source, length: 1000))
        let task = EventLoop.spawn { try await client.send(request) }
        #expect(await eventually { source.isStuck })
        isTimeToAnswer.with { $0 = true }
        let response = try await task.value
        #expect(response.status == .contentTooLarge)
        #expect(try await response.body.text() == "too much")
        #expect(await eventually { source.isCancelled })
    }

    // MARK: Bodies that come in

    @Test @EventLoop func `a server has to wait for a slow reader`() async throws {
        let client = HTTPClient(addresses: .any)
        let count = 32 << 20
        let server = ScriptedServer {
            _ = $0.request()
            $0.send("HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n")
            $0.send([UInt8](repeating: 5, count: count))
        }
        // The limit on idleness must not run while it is the reader who is idle.
        let limits = TransferLimits(idle: .milliseconds(200), maxBodyBytes: count)
        let response = try await client.send(ClientRequest(url: server.url, limits: limits))
        var sent = -1
        while sent != server.sentBytes {
            sent = server.sentBytes
            try await EventLoop.sleep(for: .milliseconds(300))
        }
        #expect(sent < count / 2)
        var (total, longest) = (0, 0)
        while let piece = try await response.body.next() {
            total += piece.count
            longest = max(longest, piece.count)
        }
        #expect(total == count)
        #expect(longest <= Transfer.maxBufferedBytes + 32 << 10)
    }

    @Test(arguments: [(99, true), (100, true), (101, false)])
    @EventLoop func `a body over its limit is cut off`(count: Int, isAllowed: Bool) async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer {
            while $0.request() != nil { $0.answer(String(repeating: "x", count: count)) }
        }
        let request = ClientRequest(url: server.url, limits: TransferLimits(maxBodyBytes: 100))
        let error = await client.failure(of: request)
        #expect(error?.kind == (isAllowed ? nil : .bodyTooLarge(limit: 100)))
    }

    @Test @EventLoop func `a reader that wants much at once gets less only at the end`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer {
            _ = $0.request()
            $0.send("HTTP/1.1 200 OK\r\nContent-Length: 250000\r\n\r\n")
            for _ in 0..<25 { $0.send([UInt8](repeating: 5, count: 10_000)) }
        }
        let body = try await client.send(ClientRequest(url: server.url)).body
        var counts: [Int] = []
        while let piece = try await body.next(atLeast: 100_000) { counts.append(piece.count) }
        #expect(counts.reduce(0, +) == 250_000)
        #expect(counts.dropLast().allSatisfy { $0 >= 100_000 })
    }

    @Test(arguments: [1, 100])
    @EventLoop func `what came before a break is given first`(wanted: Int) async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer {
            _ = $0.request()
            $0.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        }
        let body = try await client.send(ClientRequest(url: server.url)).body
        #expect(try await body.next(atLeast: wanted) == Array("half".utf8))
        let error = await #expect(throws: ClientError.self) { try await body.next() }
        guard case .connectionLost = error?.kind else {
            Issue.record("\(String(describing: error))")
            return
        }
        await #expect(throws: ClientError.self) { try await body.next() }
    }

    // MARK: Ends

    @Test @EventLoop func `a response that nobody wants ends its transfer`() async throws {
        let client = HTTPClient(addresses: .any)
        let isClosed = Locked(false)
        let server = ScriptedServer {
            _ = $0.request()
            $0.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            $0.waitForClose()
            isClosed.with { $0 = true }
        }
        _ = try await client.send(ClientRequest(url: server.url))
        #expect(await eventually { isClosed.with { $0 } })
    }

    @Test @EventLoop func `a request cancelled before it starts connects to nobody`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer()
        let request = ClientRequest(url: server.url)
        let task = EventLoop.spawn { await client.failure(of: request) }
        task.cancel()
        let error = try await task.value
        #expect(error?.kind == .cancelled)
        #expect(error?.reached == .no)
        #expect(server.connectionCount == 0)
    }

    @Test(arguments: [false, true])
    @EventLoop func `a request can be cancelled while it waits`(hasHead: Bool) async throws {
        let client = HTTPClient(addresses: .any)
        let isClosed = Locked(false)
        let server = ScriptedServer {
            _ = $0.request()
            if hasHead { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n") }
            $0.waitForClose()
            isClosed.with { $0 = true }
        }
        let request = ClientRequest(url: server.url)
        let task = EventLoop.spawn { await client.failure(of: request) }
        #expect(await eventually { server.requests.count == 1 })
        try await EventLoop.sleep(for: .milliseconds(10))
        task.cancel()
        let error = try await task.value
        #expect(error?.kind == .cancelled)
        #expect(error?.reached == .maybe)
        #expect(await eventually { isClosed.with { $0 } })
    }
}
