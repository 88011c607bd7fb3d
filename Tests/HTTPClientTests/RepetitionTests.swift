import HTTP
import LibEvent
import Support
import Testing

@testable import HTTPClient

/// A request that costs money each time must not be sent twice, and least of all behind our back.
@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct RepetitionTests {
    /// Answers once, takes the next request on the same connection without a word, and answers any later connection.
    static func forgetful(reset: Bool = false) -> ScriptedServer {
        ScriptedServer { peer in
            guard peer.index == 0 else { return peer.answerEverything() }
            _ = peer.request()
            peer.answer()
            _ = peer.request()
            if reset { peer.reset() }
        }
    }

    @Test(arguments: [Method.post, .put, .delete], [[], [1, 2, 3], [UInt8](repeating: 7, count: 300_000)])
    @EventLoop func `a request is not repeated when its connection closes without an answer`(
        method: HTTP.Method, body: [UInt8]
    ) async throws {
        let client = HTTPClient(addresses: .any)
        let server = Self.forgetful()
        _ = try await client.text(server.url)
        let error = await client.failure(of: ClientRequest(method: method, url: server.url, body: .bytes(body)))
        #expect(error?.reached == .maybe)
        guard case .connectionLost = error?.kind else {
            Issue.record("\(String(describing: error))")
            return
        }
        _ = try await client.text(server.url + "/after")
        #expect(server.requests.map(\.line.first) == ["G", method.rawValue.first, "G"])
    }

    @Test @EventLoop func `nor when it is reset`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = Self.forgetful(reset: true)
        _ = try await client.text(server.url)
        let error = await client.failure(of: ClientRequest(method: .post, url: server.url, body: .bytes([1])))
        #expect(error?.reached == .maybe)
        _ = try await client.text(server.url + "/after")
        #expect(server.requests.map(\.line.first) == ["G", "P", "G"])
    }

    @Test @EventLoop func `nor when its body is still to come`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer { peer in
            guard peer.index == 0 else { return peer.answerEverything() }
            _ = peer.request()
            peer.answer()
            _ = peer.requestHead()
        }
        _ = try await client.text(server.url)
        let body = ClientRequest.Body.stream(StuckAfterOnePiece([1]), length: 10)
        let limits = TransferLimits(idle: .milliseconds(100))
        let error = await client.failure(
            of: ClientRequest(method: .post, url: server.url, body: body, limits: limits))
        #expect(error?.reached == .maybe)
        #expect(server.requests.count == 1)
    }

    @Test @EventLoop func `a GET is repeated, for it changes nothing`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = Self.forgetful()
        for _ in 0..<2 { #expect(try await client.text(server.url) == "ok") }
        #expect(server.requests.count == 3)
    }

    @Test @EventLoop func `a connection known to be closed is not used`() async throws {
        let client = HTTPClient(addresses: .any)
        let server = ScriptedServer {
            _ = $0.request()
            $0.answer()
        }
        for number in 1...3 {
            let request = ClientRequest(method: .post, url: server.url, body: .bytes([1]))
            #expect(try await client.text(request) == "ok")
            #expect(server.requests.count == number)
            try await EventLoop.sleep(for: .milliseconds(20))  // for the close to arrive
        }
    }
}
