import Glibc
import LibEvent
import Support
import Testing

@Suite(.onEventLoop, .serialized)
struct LoopWatchTests {
    @Test @EventLoop func `work that takes too long is told, and where it was`() async throws {
        let overruns = Overruns()
        EventLoop.watch(limit: .milliseconds(5)) { overruns.add($0) }
        defer { EventLoop.watch(limit: nil) { _ in } }
        try await EventLoop.spawn { compute(for: .milliseconds(20)) }.value
        let overrun = try #require(overruns.all.first)
        #expect(overruns.all.count == 1)
        // Two clocks of one thread differ in what they count of a millisecond.
        #expect(overrun.time > .milliseconds(18))
        #expect(overrun.backtrace.contains { $0.contains("(+0x") }, "\(overrun.backtrace)")
    }

    @Test @EventLoop func `a callback that takes too long is told as well`() async throws {
        let overruns = Overruns()
        EventLoop.watch(limit: .milliseconds(5)) { overruns.add($0) }
        defer { EventLoop.watch(limit: nil) { _ in } }
        let wakeup = Wakeup()
        let timer = Timer {
            compute(for: .milliseconds(20))
            wakeup.signal()
        }
        timer.schedule(after: .zero)
        _ = await wakeup.wait()
        #expect(overruns.all.count == 1)
    }

    @Test @EventLoop func `work that waits, or leaves the thread to others, is not told`() async throws {
        let overruns = Overruns()
        EventLoop.watch(limit: .milliseconds(5)) { overruns.add($0) }
        defer { EventLoop.watch(limit: nil) { _ in } }
        try await EventLoop.spawn {
            // Blocks the thread, as another process would that has the processor.
            usleep(20_000)
            try await EventLoop.sleep(for: .milliseconds(20))
            await offload { compute(for: .milliseconds(20)) }
        }.value
        #expect(overruns.all.isEmpty)
    }
}

/// What was told.
@EventLoop
private final class Overruns {
    private(set) var all: [Overrun] = []

    nonisolated func add(_ overrun: Overrun) { EventLoop.assumeIsolated((self, overrun)) { $0.all.append($1) } }
}

/// Takes so much processor time.
private func compute(for time: Duration) {
    let end = clock() + Int(time / .microseconds(1))
    while clock() < end {}
}
