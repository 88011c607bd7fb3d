import Glibc
import LibEvent
import Support
import Testing

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct ListenerTests {
    @Test(arguments: [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1"), (":0", "127.0.0.1")])
    @EventLoop func `a connection is accepted with its peer's address`(text: String, peer: String) async throws {
        var peers: [String] = []
        let arrival = Wakeup()
        let listener = try Listener(
            on: SocketAddress(text),
            accepted: { _, peer in
                peers.append(peer.host)
                arrival.signal()
            }, refused: { _ in })
        #expect(listener.address.port != 0)
        let host = text.hasPrefix("[") ? "[::1]" : "127.0.0.1"
        let client = try RawClient(to: SocketAddress("\(host):\(listener.address.port)"))
        while peers.isEmpty, await arrival.wait(until: .now.advanced(by: .seconds(10))) {}
        #expect(peers == [peer])
        listener.close()
        withExtendedLifetime(client) {}
    }

    @Test @EventLoop func `an address in use is refused by name`() async throws {
        let first = try Listener(on: SocketAddress("127.0.0.1:0"), accepted: { _, _ in }, refused: { _ in })
        let error = #expect(throws: ListenerError.self) {
            _ = try Listener(on: first.address, accepted: { _, _ in }, refused: { _ in })
        }
        #expect(error?.code == EADDRINUSE)
        #expect(error?.description.contains("\(first.address)") == true)
        first.close()
    }

    @Test func `running out of descriptors is told, and accepting goes on when there are some again`() async {
        await #expect(processExitsWith: .success) {
            EventLoop.spawn {
                let code = try await exhaust()
                exit(code == EMFILE ? EXIT_SUCCESS : EXIT_FAILURE)
            }
            EventLoop.run()
        }
    }

    @Test @EventLoop func `a paused listener leaves connections waiting`() async throws {
        var count = 0
        let arrival = Wakeup()
        let listener = try Listener(
            on: SocketAddress("127.0.0.1:0"),
            accepted: { _, _ in
                count += 1
                arrival.signal()
            }, refused: { _ in })
        listener.pause()
        let client = try RawClient(to: listener.address)
        #expect(await arrival.wait(until: .now.advanced(by: .milliseconds(20))) == false)
        listener.resume()
        while count == 0, await arrival.wait(until: .now.advanced(by: .seconds(10))) {}
        #expect(count == 1)
        listener.close()
        withExtendedLifetime(client) {}
    }
}

/// Takes every descriptor that the process may have, connects, and gives them back once that was refused.
///
/// Returns the reason, after the connection has been accepted all the same.
@EventLoop
private func exhaust() async throws -> CInt {
    var refusals: [CInt] = []
    var isAccepted = false
    let changed = Wakeup()
    let listener = try Listener(
        on: SocketAddress("127.0.0.1:0"),
        accepted: { _, _ in
            isAccepted = true
            changed.signal()
        },
        refused: { error in
            refusals.append(error.code)
            changed.signal()
        })
    var few = rlimit(rlim_cur: 64, rlim_max: 64)
    unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &few)
    let client = try RawClient(to: listener.address)
    var taken: [CInt] = []
    while case let descriptor = dup(0), descriptor >= 0 { taken.append(descriptor) }
    while refusals.isEmpty, await changed.wait(until: .now.advanced(by: .seconds(10))) {}
    for descriptor in taken { close(descriptor) }
    while !isAccepted, await changed.wait(until: .now.advanced(by: .seconds(10))) {}
    listener.close()
    withExtendedLifetime(client) {}
    return isAccepted && refusals.count <= 2 ? refusals.first ?? 0 : 0
}
