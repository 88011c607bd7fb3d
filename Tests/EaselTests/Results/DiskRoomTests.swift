import Files
import HTTP
import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop)
struct DiskRoomTests {
    /// What the log says of a check that goes well.
    @EventLoop private func check(minimum: Int, free: Int?) async throws -> String {
        let lines = LogLines()
        let room = DiskRoom(minimum: minimum, clock: .system, log: lines.log) {
            guard let free else { throw FileError(code: 5, path: "/data", operation: "measure the disk of") }
            return free
        }
        try await room.check()
        return lines.text
    }

    @Test(arguments: [(0, 0), (100, 100), (100, 1000)])
    @EventLoop func `enough is as much as the owner wants, or more`(minimum: Int, free: Int) async throws {
        #expect(try await check(minimum: minimum, free: free).isEmpty)
    }

    @Test @EventLoop func `less is refused, and the owner told what to do`() async {
        let error = await #expect(throws: GatewayError.self) { try await check(minimum: 100, free: 99) }
        #expect(error?.status == .insufficientStorage)
        #expect(error?.message.contains("nothing was bought") == true)
        #expect(error?.message.contains("results.min_free") == true)
        // Nothing was bought: a client may try again.
        #expect(error?.shouldRetry == nil)
    }

    @Test @EventLoop func `a disk that does not say is taken to have room`() async throws {
        #expect(try await check(minimum: 100, free: nil).contains("cannot tell how full"))
    }

    @Test @EventLoop func `nothing is bought for a folder that is gone`() async throws {
        let clock = ManualClock()
        let room = DiskRoom(in: "/nowhere/data", minimum: 100, clock: clock.wallClock, log: LogLines().log)
        for _ in 1...2 {
            let error = await #expect(throws: GatewayError.self) { try await room.check() }
            #expect(error?.status == .insufficientStorage)
            #expect(error?.message.contains("nothing was bought") == true)
        }
    }

    @Test @EventLoop func `room is asked for once in a while, and its lack each time`() async throws {
        let (clock, asked) = (ManualClock(), Counter())
        // The fourth answer is the first without room.
        let room = DiskRoom(minimum: 100, clock: clock.wallClock, log: LogLines().log) {
            asked.count += 1
            return (4...5).contains(asked.count) ? 0 : 100
        }
        for _ in 1...3 {
            for _ in 1...10 { try await room.check() }
            clock.advance(by: DiskRoom.belief)
        }
        #expect(asked.count == 3)
        for _ in 1...2 { await #expect(throws: GatewayError.self) { try await room.check() } }
        for _ in 1...2 { try await room.check() }
        #expect(asked.count == 6)
        clock.advance(by: .seconds(-60))
        try await room.check()
        #expect(asked.count == 7)
    }

    @Test @EventLoop func `those who come while the disk is asked do not ask it, too`() async throws {
        let (clock, asked, answer) = (ManualClock(), Counter(), Promise<Void>())
        let room = DiskRoom(minimum: 100, clock: clock.wallClock, log: LogLines().log) {
            asked.count += 1
            if asked.count == 2 { _ = await answer.wait() }
            return 100
        }
        try await room.check()
        clock.advance(by: DiskRoom.belief)
        let first = EventLoop.spawn { try await room.check() }
        while asked.count < 2 { await EventLoop.idle() }
        try await room.check()
        #expect(asked.count == 2)
        answer.fulfil(())
        try await first.value
    }

    @Test @EventLoop func `nothing is bought or written down while there is too little`() async throws {
        let provider = try FakeProvider { _ in .images(png()) }
        let parts = try Parts(Parts.routes(provider.url) + "\nresults: {min_free: 9TB}")
        let (ending, story) = try await parts.run(parts.submission("otter"))
        #expect(ending?.error == .noRoom())
        #expect(story == nil)
        #expect(provider.calls.isEmpty)
        await provider.stop()
        await parts.close()
    }
}
