import LibEvent
import Support
import Testing

@testable import Easel

struct WallClockTests {
    @Test(.onEventLoop) @EventLoop func `the machine's clock moves on while somebody sleeps by it`() async throws {
        let before = WallClock.system.now
        try await WallClock.system.sleep(for: .milliseconds(20))
        #expect(WallClock.system.now - before >= .milliseconds(19))
    }

    @Test(.onEventLoop) @EventLoop func `a clock of a test moves on at once`() async throws {
        let clock = ManualClock()
        let before = clock.now
        try await clock.wallClock.sleep(for: .seconds(3600))
        #expect(clock.now - before == .seconds(3600))
    }
}
