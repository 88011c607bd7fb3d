import LibEvent

@testable import Easel

/// A clock that a test moves on step by step; who sleeps by it wakes up when their time has come.
@EventLoop
final class SteppedClock {
    private let hand = ManualClock()
    private var sleepers: [Int: (due: Timestamp, wakeUp: Promise<Void>)] = [:]
    private var lastSleeper = 0
    /// How often somebody has gone to sleep.
    private(set) var naps = 0

    var now: Timestamp { hand.now }

    var wallClock: WallClock {
        let hand = hand
        return WallClock(
            { hand.now }, pause: { try await self.sleep(for: $0) }, alarm: { try await self.sleep(for: $0) })
    }

    /// Moves on, and lets everybody who wakes up on the way do what they do then.
    func advance(by duration: Duration) async {
        let end = now + duration
        await settle()
        while let next = sleepers.min(by: { $0.value.due < $1.value.due }), next.value.due <= end {
            hand.advance(by: max(next.value.due - now, .zero))
            sleepers[next.key] = nil
            next.value.wakeUp.fulfil(())
            await settle()
        }
        hand.advance(by: end - now)
        await settle()
    }

    /// Lets every task run until it waits for something.
    func settle() async {
        for _ in 0..<20 { _ = await EventLoop.spawn {}.result }
    }

    private func sleep(for duration: Duration) async throws {
        lastSleeper += 1
        naps += 1
        let number = lastSleeper
        let wakeUp = Promise<Void>()
        sleepers[number] = (now + duration, wakeUp)
        defer { sleepers[number] = nil }
        guard await wakeUp.wait() != nil else { throw CancellationError() }
    }
}
