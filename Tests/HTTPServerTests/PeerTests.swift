import HTTP
import HTTPServer
import LibEvent
import Support
import Testing

/// Whether the program behind the server learns that its client has left.
@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct PeerTests {
    enum Leaving: CaseIterable {
        case close, reset
    }

    @Test(arguments: Leaving.allCases)
    @EventLoop func `a client that leaves while it waits has left`(how: Leaving) async throws {
        let (server, release) = try waiting()
        var client: RawClient? = try server.connect()
        await client?.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let peer = try await peer(of: server)
        #expect(!peer.hasLeft)
        if how == .reset { client?.reset() }
        client = nil
        #expect(await peer.departure())
        #expect(peer.hasLeft)
        release.signal()
        await server.stop()
    }

    @Test @EventLoop func `a client that only stops sending has left, and gets its answer`() async throws {
        let (server, release) = try waiting()
        let client = try server.connect()
        await client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        client.endOutput()
        let peer = try await peer(of: server)
        #expect(await peer.departure())
        release.signal()
        #expect(await client.receiveAll().hasSuffix("ok"))
        #expect(await server.exchanges(1).first?.isComplete == true)
        await server.stop()
    }

    @Test @EventLoop func `everyone who waits for a departure hears of it`() async throws {
        let presence = Presence()
        let peer = try Peer(address: SocketAddress("127.0.0.1:9"), presence: presence)
        let waits = (0..<3).map { _ in EventLoop.spawn { await peer.departure() } }
        presence.end()
        for wait in waits { #expect(try await wait.value) }
    }

    @Test @EventLoop func `whoever stops waiting for a departure is told that there was none`() async throws {
        let peer = try Peer(address: SocketAddress("127.0.0.1:9"))
        let wait = EventLoop.spawn { await peer.departure() }
        wait.cancel()
        #expect(try await wait.value == false)
        #expect(!peer.hasLeft)
    }

    @Test @EventLoop func `a server that ends the connection ends the wait for its client`() async throws {
        let (server, _) = try waiting()
        let client = try server.connect()
        await client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let peer = try await peer(of: server)
        let wait = EventLoop.spawn { await peer.departure() }
        #expect(await server.stop(within: .zero) == 1)
        #expect(try await wait.value)
        withExtendedLifetime(client) {}
    }

    /// A server whose answers wait for a signal, or for their task to be cancelled.
    @EventLoop private func waiting() throws -> (TestServer, Wakeup) {
        let release = Wakeup()
        let server = try TestServer { _, body in
            _ = try? await body.collect()
            await withTaskCancellationHandler {
                _ = await release.wait()
            } onCancel: {
                EventLoop.spawn { release.signal() }
            }
            return Response(.ok, fields: ["Connection": "close"], body: .bytes(bytes("ok")))
        }
        return (server, release)
    }

    /// The client of the first request, once that has come.
    @EventLoop private func peer(of server: TestServer, within time: Duration = .seconds(10)) async throws -> Peer {
        let deadline = ContinuousClock.now.advanced(by: time)
        while server.peers.isEmpty, .now < deadline { try await EventLoop.sleep(for: .milliseconds(5)) }
        return try #require(server.peers.first)
    }
}
