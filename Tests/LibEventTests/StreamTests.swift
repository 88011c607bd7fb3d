import Glibc
import LibEvent
import Support
import Testing

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct StreamTests {
    @Test @EventLoop func `received bytes stay until they are consumed`() async throws {
        let (stream, client, _) = try await connected()
        await client.send("hello world")
        try await receive(11, on: stream)
        #expect(take(6, from: stream) == "hello ")
        #expect(stream.availableCount == 5)
        #expect(take(5, from: stream) == "world")
        stream.close()
    }

    @Test @EventLoop func `no more is received ahead than the limit`() async throws {
        let (stream, client, _) = try await connected(inputLimit: 1000)
        let bytes = [UInt8](repeating: UInt8(ascii: "x"), count: 5000)
        #expect(await client.send(bytes) == 5000)
        try await receive(1000, on: stream)
        await #expect(throws: StreamError.timedOut) { try await stream.moreReceived(until: soon) }
        var total = 0
        while total < 5000 {
            let count = take(700, from: stream).utf8.count
            total += count
            #expect(stream.availableCount <= 1000)
            if count == 0 { _ = try await stream.moreReceived(until: later) }
        }
        stream.close()
    }

    @Test @EventLoop func `bytes are handed over in the order they came`() async throws {
        let (stream, client, _) = try await connected()
        let sent = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        let sending = EventLoop.spawn { await client.send(sent) }
        var received: [UInt8] = []
        while received.count < sent.count {
            if stream.availableCount == 0 { _ = try await stream.moreReceived(until: later) }
            // One of them another way, so that what is handed over begins in the middle.
            received.append(stream.withReceived { (consumed: 1, result: $0[0]) })
            let rest = stream.takeReceived()
            #expect(rest.count < 64 << 10)
            received += rest
        }
        #expect(received == sent)
        #expect(try await sending.value == sent.count)
        stream.close()
    }

    @Test @EventLoop func `who never has to wait for the peer lets others have their turn`() async throws {
        let (stream, client, _) = try await connected()
        let other = EventLoop.spawn {
            try await EventLoop.sleep(for: .zero)
            return stream.sentCount
        }
        let piece = [UInt8](repeating: 1, count: 64 << 10)
        for _ in 0..<16 {
            stream.write(piece.span)
            try await stream.sent(downTo: 2 << 20, stall: .seconds(5))
        }
        #expect(try await other.value < stream.sentCount)
        stream.close()
        withExtendedLifetime(client) {}
    }

    @Test @EventLoop func `a wait without bytes ends at its deadline`() async throws {
        let (stream, client, _) = try await connected()
        await #expect(throws: StreamError.timedOut) { try await stream.moreReceived(until: soon) }
        stream.close()
        withExtendedLifetime(client) {}
    }

    @Test @EventLoop func `closing ends a wait`() async throws {
        let (stream, client, _) = try await connected()
        let waiting = EventLoop.spawn { try await stream.moreReceived(until: later) }
        EventLoop.spawn { stream.close() }
        await #expect(throws: StreamError.closed) { try await waiting.value }
        withExtendedLifetime(client) {}
    }

    @Test @EventLoop func `the end of input comes after all bytes`() async throws {
        let (stream, client, _) = try await connected(inputLimit: 4)
        await client.send("hello")
        client.endOutput()
        try await receive(4, on: stream)
        #expect(take(4, from: stream) == "hell")
        try await receive(5, on: stream)
        #expect(take(1, from: stream) == "o")
        #expect(try await stream.moreReceived(until: later) == false)
        stream.close()
    }

    @Test(arguments: [true, false])
    @EventLoop func `a peer that leaves is noticed while the input is full`(resets: Bool) async throws {
        let (stream, client, _) = try await connected(inputLimit: 100)
        let left = Wakeup()
        stream.peerLeft = { left.signal() }
        await client.send([UInt8](repeating: 0, count: 1000))
        try await receive(100, on: stream)
        #expect(!stream.hasPeerLeft)
        if resets { client.reset() } else { client.endOutput() }
        while !stream.hasPeerLeft, await left.wait(until: later) {}
        #expect(stream.hasPeerLeft)
        stream.close()
    }

    @Test @EventLoop func `a peer that broke off ends both waits`() async throws {
        let (stream, client, _) = try await connected()
        client.reset()
        await #expect(throws: StreamError.broken(code: ECONNRESET)) { try await stream.moreReceived(until: later) }
        stream.write(Array("late".utf8).span)
        await #expect(throws: StreamError.broken(code: ECONNRESET)) {
            try await stream.sent(downTo: 0, stall: .seconds(10))
        }
        stream.close()
    }

    @Test @EventLoop func `many bytes arrive in order, and the peer's pace is waited for`() async throws {
        let (stream, client, _) = try await connected()
        let pattern = (0..<10_007).map { UInt8(truncatingIfNeeded: $0 / 7 % 26 + 97) }
        var bytes: [UInt8] = []
        for _ in 0..<1200 { bytes += pattern }
        stream.write(bytes.span)
        #expect(!stream.isSent)
        let received = EventLoop.spawn { await client.receiveAll() }
        try await stream.sent(downTo: 0, stall: .seconds(10))
        stream.endOutput()
        #expect(try await Array(received.value.utf8) == bytes)
        #expect(stream.sentCount == bytes.count)
        stream.close()
    }

    @Test @EventLoop func `a peer that takes nothing is given up`() async throws {
        let (stream, client, _) = try await connected()
        stream.write([UInt8](repeating: 0, count: 20_000_000).span)
        await #expect(throws: StreamError.timedOut) {
            try await stream.sent(downTo: 0, stall: .milliseconds(50))
        }
        stream.close()
        withExtendedLifetime(client) {}
    }

    @Test @EventLoop func `part of a file is sent between bytes, and the file is let go`() async throws {
        let (stream, client, _) = try await connected()
        let content = String(repeating: "ABCDEFGHIJKLMNOPQRSTUVWXYZ", count: 20_000)
        weak var released: TemporaryFile?
        do {
            let file = try TemporaryFile(content)
            released = file
            stream.write(Array("<".utf8).span, isMoreComing: true)
            stream.writeFile(file.descriptor, 10..<519_990, owner: file)
            stream.write(Array(">".utf8).span)
        }
        let received = EventLoop.spawn { await client.receiveAll() }
        try await stream.sent(downTo: 0, stall: .seconds(10))
        #expect(released == nil)
        stream.endOutput()
        #expect(try await received.value == "<" + content.dropFirst(10).dropLast(10) + ">")
        stream.close()
    }

    @Test @EventLoop func `a file that is given up is let go`() async throws {
        let (stream, client, _) = try await connected()
        weak var released: TemporaryFile?
        do {
            let file = try TemporaryFile(String(repeating: "a", count: 20_000_000))
            released = file
            stream.writeFile(file.descriptor, 0..<20_000_000, owner: file)
        }
        #expect(released != nil)
        stream.close()
        #expect(released == nil)
        withExtendedLifetime(client) {}
    }

    @Test @EventLoop func `discarded input makes room for more`() async throws {
        let (stream, client, _) = try await connected(inputLimit: 100)
        await client.send([UInt8](repeating: 0, count: 1000))
        try await receive(100, on: stream)
        stream.discardInput()
        try await receive(1000, on: stream)
        #expect(stream.availableCount == 0)
        stream.close()
    }

    @Test @EventLoop func `a peer that never pauses leaves tasks their turn`() async throws {
        let (stream, client, _) = try await connected()
        stream.discardInput()
        let sending = EventLoop.spawn { await client.send([UInt8](repeating: 0, count: 50 << 20)) }
        let most = EventLoop.spawn {
            var most = 0
            while stream.receivedCount < 50 << 20 {
                let before = stream.receivedCount
                _ = try await stream.moreReceived(until: later)
                most = max(most, stream.receivedCount - before)
            }
            return most
        }
        #expect(try await most.value <= 1 << 20)
        #expect(try await sending.value == 50 << 20)
        stream.close()
    }

    // MARK: Two ends of a connection

    @EventLoop private func connected(
        inputLimit: Int = 64 << 10
    ) async throws -> (Stream, RawClient, Listener) {
        var accepted: Stream?
        let arrival = Wakeup()
        let listener = try Listener(
            on: SocketAddress("127.0.0.1:0"),
            accepted: { socket, _ in
                accepted = try? Stream(socket, inputLimit: inputLimit)
                arrival.signal()
            }, refused: { _ in })
        let client = try RawClient(to: listener.address)
        while accepted == nil, await arrival.wait(until: later) {}
        listener.close()
        return (try #require(accepted), client, listener)
    }

    @EventLoop private func receive(_ count: Int, on stream: Stream) async throws {
        while stream.receivedCount < count { _ = try await stream.moreReceived(until: later) }
    }

    @EventLoop private func take(_ count: Int, from stream: Stream) -> String {
        stream.withReceived { bytes in
            let count = min(count, bytes.count)
            var taken: [UInt8] = []
            taken.append(copying: bytes.extracting(..<count))
            return (count, String(decoding: taken, as: UTF8.self))
        }
    }

    private var soon: ContinuousClock.Instant { .now.advanced(by: .milliseconds(20)) }
    private var later: ContinuousClock.Instant { .now.advanced(by: .seconds(10)) }
}

/// A file without a name.
private final class TemporaryFile: Sendable {
    let descriptor: CInt

    init(_ content: String) throws {
        var template = Array("/tmp/easel-test-XXXXXX".utf8CString)
        descriptor = unsafe mkstemp(&template)
        try #require(descriptor >= 0)
        unsafe unlink(&template)
        var content = content
        let written = content.withUTF8 { bytes in unsafe write(descriptor, bytes.baseAddress, bytes.count) }
        try #require(written == content.utf8.count)
    }

    deinit { close(descriptor) }
}
