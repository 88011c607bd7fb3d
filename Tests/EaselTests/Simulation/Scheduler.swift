import LibEvent
import Synchronization

@testable import Easel

/// One run of the gateway's process, from its start to its crash.
///
/// When it is over its clock stands at the end of time and nothing it does has any effect, so its tasks run out.
final class Life: Sendable {
    /// From 1.
    let number: Int
    private let hasEnded = Atomic(false)

    init(_ number: Int) { self.number = number }

    var isOver: Bool { hasEnded.load(ordering: .acquiring) }
    func end() { hasEnded.store(true, ordering: .releasing) }
}

/// What was being waited for will not come: the task was cancelled, or its life is over.
struct Interrupted: Error {}

/// Virtual time, and all that is going to happen in it, one thing after the other.
@EventLoop
final class Scheduler {
    private struct Event {
        var at: Timestamp
        /// Decides between things that happen at the same moment.
        var order: UInt64
        var waiter: Int

        func comes(before other: Event) -> Bool { at != other.at ? at < other.at : order < other.order }
    }

    private struct Waiter {
        var continuation: CheckedContinuation<Bool, Never>
        var life: Life
        /// What the world feels of it, at that moment.
        var effect: (() -> Void)?
    }

    nonisolated let time = ManualClock()
    private let dice: Dice
    /// A binary heap.
    private var events: [Event] = []
    private var waiters: [Int: Waiter] = [:]
    private var lastWaiter = 0

    init(_ dice: Dice) { self.dice = dice }

    /// How many tasks wait for something to happen.
    var count: Int { waiters.count }

    func count(of life: Life) -> Int { waiters.values.count { $0.life === life } }

    /// Waits until some time has passed; then `effect` happens, unless the life is over before.
    func pass(_ duration: Duration, in life: Life, effect: (() -> Void)? = nil) async throws(Interrupted) {
        guard !life.isOver else { throw Interrupted() }
        lastWaiter += 1
        let waiter = lastWaiter
        let event = Event(at: time.now + max(duration, .zero), order: dice.next(), waiter: waiter)
        let happened = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                guard !Task.isCancelled else { return continuation.resume(returning: false) }
                waiters[waiter] = Waiter(continuation: continuation, life: life, effect: effect)
                push(event)
            }
        } onCancel: {
            EventLoop.spawn { self.interrupt(waiter) }
        }
        guard happened, !life.isOver else { throw Interrupted() }
    }

    /// The clock of a life.
    func clock(of life: Life) -> WallClock {
        let time = time
        let sleep = { @EventLoop @Sendable (duration: Duration) async throws -> Void in
            do throws(Interrupted) { try await self.pass(duration, in: life) } catch { throw CancellationError() }
        }
        return WallClock({ life.isOver ? Timestamp(microseconds: .max) : time.now }, pause: sleep, alarm: sleep)
    }

    /// Lets the next thing happen; `false` when nothing ever will.
    ///
    /// `before` and `after` frame its effect, before whoever waits for it goes on.
    func step(before: (Life) -> Void, after: (Life) -> Void) -> Bool {
        while let event = pop() {
            guard let life = waiters[event.waiter]?.life else { continue }
            time.advance(by: event.at - time.now)
            before(life)
            // What comes before may have been the end of it.
            guard let waiter = waiters[event.waiter] else { return true }
            waiter.effect?()
            after(life)
            waiters.removeValue(forKey: event.waiter)?.continuation.resume(returning: true)
            return true
        }
        return false
    }

    /// Sends away whatever a life that is over was waiting for, in the order in which it began to.
    func cut(_ life: Life) {
        for waiter in waiters.filter({ $0.value.life === life }).keys.sorted() { interrupt(waiter) }
    }

    private func interrupt(_ waiter: Int) {
        waiters.removeValue(forKey: waiter)?.continuation.resume(returning: false)
    }

    // MARK: The heap

    private func push(_ event: Event) {
        events.append(event)
        var child = events.count - 1
        while child > 0, events[child].comes(before: events[(child - 1) / 2]) {
            events.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private func pop() -> Event? {
        guard let first = events.first else { return nil }
        let last = events.removeLast()
        guard !events.isEmpty else { return first }
        events[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < events.count && events[child].comes(before: events[least]) {
                least = child
            }
            if least == parent { return first }
            events.swapAt(parent, least)
            parent = least
        }
    }
}
