import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct TurnstileTests {
    private func limits(
        _ concurrency: Int, rate: Rate? = nil, queue: Int = 1000, wait: Duration = .seconds(60)
    ) -> TrafficLimits {
        TrafficLimits(concurrency: concurrency, rate: rate, queue: queue, queueWait: wait)
    }

    @Test @EventLoop func `who waits enters in turn as others leave`() async throws {
        let scene = Scene(limits(2))
        for number in 1...4 { scene.come(number) }
        await scene.clock.settle()
        #expect(scene.entered == [1, 2])
        scene.leave(2)
        await scene.clock.settle()
        #expect(scene.entered == [1, 2, 3])
        scene.leave(1)
        scene.leave(3)
        await scene.clock.settle()
        #expect(scene.entered == [1, 2, 3, 4])
        await scene.close()
    }

    @Test @EventLoop func `who is cancelled leaves the line, and whoever is behind moves up`() async throws {
        let scene = Scene(limits(1))
        let visitors = (1...4).map { scene.come($0) }
        await scene.clock.settle()
        visitors[1].cancel()
        await scene.clock.settle()
        #expect(scene.refused == [2: .cancelled])
        #expect(scene.turnstile.waitingCount == 2)
        scene.leave(1)
        await scene.clock.settle()
        #expect(scene.entered == [1, 3])
        await scene.close()
    }

    @Test @EventLoop func `a job that is called off leaves the line, and comes not even near it later`() async throws {
        let scene = Scene(limits(1))
        let cancellation = Promise<Void>()
        scene.come(1)
        scene.come(2, unless: cancellation)
        scene.come(3)
        await scene.clock.settle()
        cancellation.fulfil(())
        await scene.clock.settle()
        scene.come(4, unless: cancellation)
        await scene.clock.settle()
        #expect(scene.refused == [2: .cancelled, 4: .cancelled])
        scene.leave(1)
        await scene.clock.settle()
        #expect(scene.entered == [1, 3])
        await scene.close()
    }

    @Test @EventLoop func `an order that makes room for another key's is told so at once`() async throws {
        let scene = Scene(limits(1, queue: 2))
        for number in 1...3 { scene.come(number, from: "busy") }
        scene.come(4, from: "calm")
        await scene.clock.settle()
        #expect(scene.refused == [3: .lineIsFull(retryAfter: .seconds(5))])
        for number in [1, 2] {
            scene.leave(number)
            await scene.clock.settle()
        }
        #expect(scene.entered == [1, 2, 4])
        await scene.close()
    }

    @Test @EventLoop func `waiting ends when it has been long enough`() async throws {
        let scene = Scene(limits(1, wait: .seconds(60)))
        scene.come(1)
        scene.come(2)
        await scene.clock.advance(by: .seconds(20))
        scene.come(3)
        await scene.clock.advance(by: .seconds(39))
        #expect(scene.refused.isEmpty)
        await scene.clock.advance(by: .seconds(1))
        #expect(scene.refused == [2: .waitedTooLong(retryAfter: .seconds(5))])
        await scene.clock.advance(by: .seconds(20))
        #expect(scene.refused.keys.sorted() == [2, 3])
        await scene.close()
    }

    @Test @EventLoop func `a rate lets the next in when its time has come, without anybody leaving`() async throws {
        let scene = Scene(limits(64, rate: Rate(2, per: .minute)))
        for number in 1...5 { scene.come(number) }
        await scene.clock.advance(by: .seconds(59))
        #expect(scene.entered == [1, 2])
        await scene.clock.advance(by: .seconds(1))
        #expect(scene.entered == [1, 2, 3, 4])
        // The fifth has waited for a minute by now, which is as long as anybody waits.
        #expect(scene.refused.keys.sorted() == [5])
        await scene.close()
    }

    @Test @EventLoop func `when everybody is sent away, newcomers may wait again`() async throws {
        let scene = Scene(limits(1))
        for number in 1...3 { scene.come(number) }
        await scene.clock.settle()
        scene.turnstile.sendAway()
        scene.come(4)
        await scene.clock.settle()
        #expect(scene.refused == [2: .closed, 3: .closed])
        scene.leave(1)
        await scene.clock.settle()
        #expect(scene.entered == [1, 4])
        await scene.close()
    }

    @Test @EventLoop func `higher limits let in at once who waits`() async throws {
        let scene = Scene(limits(1))
        for number in 1...4 { scene.come(number) }
        await scene.clock.settle()
        scene.turnstile.update(limits(3))
        await scene.clock.settle()
        #expect(scene.entered == [1, 2, 3])
        await scene.close()
    }

    @Test @EventLoop func `a clock that is set back makes nobody wait longer`() async throws {
        let hand = ManualClock()
        let clock = ForwardClock(hand.wallClock)
        let start = clock.now
        hand.advance(by: .seconds(10))
        #expect(clock.now - start == .seconds(10))
        hand.advance(by: .seconds(-3600))
        #expect(clock.now - start == .seconds(10))
        hand.advance(by: .seconds(5))
        #expect(clock.now - start == .seconds(15))
    }

    @Test @EventLoop func `thousands may wait, with one timer for all of them`() async throws {
        let scene = Scene(limits(10, queue: 8000))
        let count = 8010
        for number in 1...count + 1 { scene.come(number) }
        await scene.clock.settle()
        #expect(scene.turnstile.waitingCount == 8000)
        #expect(scene.refused == [count + 1: .lineIsFull(retryAfter: .seconds(5))])
        #expect(scene.clock.naps == 1)
        for number in 1...count {
            scene.leave(number)
            if number.isMultiple(of: 10) { await scene.clock.settle() }
        }
        #expect(scene.entered == Array(1...count))
        #expect(scene.most == 10)
        #expect(scene.turnstile.insideCount == 0)
        await scene.close()
    }

    /// Random visitors of a real turnstile: each ends exactly once, in turn, and leaves it as it was.
    @Test(arguments: 0..<40)
    @EventLoop func `whatever happens, everybody gets an answer and every place comes back`(seed: Int) async throws {
        var random = SeededGenerator(seed: seed)
        let width = Int.random(in: 1...4, using: &random)
        let rate = Bool.random(using: &random) ? Rate(3, per: .second) : nil
        let scene = Scene(limits(width, rate: rate, queue: 15, wait: .seconds(4)))
        var visitors: [Task<Void, any Error>] = []
        for _ in 0..<150 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<4: visitors.append(scene.come(visitors.count + 1))
            case 4..<6: visitors.randomElement(using: &random)?.cancel()
            case 6..<8: scene.leaveAny(using: &random)
            case 8: await scene.clock.advance(by: .milliseconds(Int.random(in: 0...1500, using: &random)))
            default: if Int.random(in: 0..<10, using: &random) == 0 { scene.turnstile.sendAway() }
            }
            if Bool.random(using: &random) { await scene.clock.settle() }
            #expect(scene.most <= width)
        }
        while scene.entered.count + scene.refused.count < visitors.count {
            scene.leaveAny(using: &random)
            await scene.clock.advance(by: .milliseconds(500))
        }
        while scene.leaveAny(using: &random) {}
        for visitor in visitors { try await visitor.value }
        #expect((scene.entered + scene.refused.keys).sorted() == Array(1...visitors.count))
        #expect(scene.turnstile.insideCount == 0 && scene.turnstile.waitingCount == 0)
        await scene.close()
    }
}

/// A turnstile with its visitors, by their numbers.
@EventLoop
private final class Scene {
    let clock = SteppedClock()
    let turnstile: Turnstile
    private(set) var entered: [Int] = []
    private(set) var refused: [Int: Turnstile.Refusal] = [:]
    private(set) var most = 0
    private var inside: [Int: WaitingLine.Ticket] = [:]
    private var visitors: [Task<Void, any Error>] = []

    init(_ limits: TrafficLimits) {
        turnstile = Turnstile(limits, clock: ForwardClock(clock.wallClock))
    }

    @discardableResult
    func come(
        _ number: Int, from key: String = "", unless cancellation: Promise<Void>? = nil
    ) -> Task<Void, any Error> {
        let visitor = EventLoop.spawn {
            do throws(Turnstile.Refusal) {
                self.inside[number] = try await self.turnstile.enter(for: key, unless: cancellation)
                self.entered.append(number)
                self.most = max(self.most, self.inside.count)
            } catch {
                self.refused[number] = error
            }
        }
        visitors.append(visitor)
        return visitor
    }

    func leave(_ number: Int) {
        guard let ticket = inside.removeValue(forKey: number) else { return }
        turnstile.leave(ticket)
    }

    @discardableResult
    func leaveAny(using random: inout SeededGenerator) -> Bool {
        guard let number = inside.keys.sorted().randomElement(using: &random) else { return false }
        leave(number)
        return true
    }

    /// Sends everybody home, so that no task outlives its test.
    func close() async {
        for visitor in visitors { visitor.cancel() }
        await clock.settle()
        for number in inside.keys { leave(number) }
        await clock.settle()
    }
}
