import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct ProviderTrafficTests {
    private func verdict(_ kind: FailureKind, retryAfter: Duration? = nil) -> Verdict {
        Verdict(ProviderFailure(kind: kind, message: "no", status: 200, retryAfter: retryAfter, boughtNothing: true))
    }

    @EventLoop private func traffic(
        _ clock: SteppedClock, _ limits: TrafficLimits = TrafficLimits(), _ lines: LogLines = LogLines()
    ) -> ProviderTraffic {
        ProviderTraffic(to: "acme", limits, clock: clock.wallClock, log: lines.log)
    }

    @Test @EventLoop func `a provider that fails is left alone, tried by one, and trusted again`() async throws {
        let (clock, lines) = (SteppedClock(), LogLines())
        let traffic = traffic(clock, TrafficLimits(), lines)
        for _ in 0..<5 { traffic.leave(try await traffic.enter(), verdict(.overload)) }
        #expect(traffic.pause == .seconds(30))
        let failure = await #expect(throws: ProviderFailure.self) { try await traffic.enter() }
        #expect(failure?.boughtNothing == true && failure?.mayMoveOn == true)
        #expect(failure?.retryAfter == .seconds(30))
        #expect(failure?.message.contains("'acme'") == true)

        await clock.advance(by: .seconds(30))
        let probe = try await traffic.enter()
        await #expect(throws: ProviderFailure.self) { try await traffic.enter() }
        traffic.leave(probe, verdict(.badRequest))
        #expect(traffic.pause == nil)
        traffic.leave(try await traffic.enter(), verdict(.overload))
        #expect(lines.text.ranges(of: "provider fails and is left alone").count == 1)
        #expect(lines.text.ranges(of: "provider is tried again").count == 1)
        #expect(lines.text.ranges(of: "provider works again").count == 1)
    }

    @Test @EventLoop func `who waits for a provider that fails is sent on to the next`() async throws {
        let clock = SteppedClock()
        let traffic = traffic(clock, TrafficLimits(concurrency: 1))
        let first = try await traffic.enter()
        let waiting = EventLoop.spawn { try await traffic.enter() }
        await clock.settle()
        #expect(traffic.waitingCount == 1)
        traffic.leave(first, verdict(.authentication))
        let failure = await #expect(throws: ProviderFailure.self) { try await waiting.value }
        #expect(failure?.mayMoveOn == true)
        #expect(traffic.underWayCount == 0)
    }

    @Test @EventLoop func `who waits when the provider asks for a pause goes on when it is over`() async throws {
        let clock = SteppedClock()
        let traffic = traffic(clock, TrafficLimits(concurrency: 1))
        let first = try await traffic.enter()
        let waiting = EventLoop.spawn { try await traffic.enter() }
        await clock.settle()
        traffic.leave(first, verdict(.rateLimit, retryAfter: .seconds(7)))
        // Newcomers have better things to do than to wait.
        await #expect(throws: ProviderFailure.self) { try await traffic.enter() }
        await clock.advance(by: .seconds(6))
        #expect(traffic.waitingCount == 1)
        await clock.advance(by: .seconds(1))
        #expect(traffic.waitingCount == 0)
        traffic.leave(try await waiting.value, verdict(.badRequest))
        #expect(traffic.underWayCount == 0)
    }

    @Test @EventLoop func `a queue that is full says whose it is, and which setting would help`() async throws {
        let clock = SteppedClock()
        let traffic = traffic(clock, TrafficLimits(concurrency: 1, queue: 1, queueWait: .seconds(60)))
        let first = try await traffic.enter()
        let waiting = EventLoop.spawn { try await traffic.enter() }
        await clock.settle()
        let full = await #expect(throws: ProviderFailure.self) { try await traffic.enter() }
        #expect(full?.kind == .overload && full?.boughtNothing == true && full?.retryAfter != nil)
        #expect(full?.message.contains("1 requests are waiting for the provider 'acme' already") == true)
        #expect(full?.message.contains("'queue'") == true)
        await clock.advance(by: .seconds(60))
        let late = await #expect(throws: ProviderFailure.self) { try await waiting.value }
        #expect(late?.message.contains("'queue_wait' allows, 60 s") == true)
        // Neither is the provider's fault.
        traffic.leave(first)
        #expect(traffic.pause == nil)
    }

    @Test @EventLoop func `a probe that sent nothing leaves the way free for the next`() async throws {
        let clock = SteppedClock()
        let traffic = traffic(clock)
        traffic.leave(try await traffic.enter(), verdict(.billing))
        await clock.advance(by: .seconds(30))
        traffic.leave(try await traffic.enter())
        traffic.leave(try await traffic.enter(), verdict(.badRequest))
        #expect(traffic.pause == nil)
    }

    @Test @EventLoop func `other limits keep what is known of the provider`() async throws {
        let clock = SteppedClock()
        let traffic = traffic(clock)
        traffic.leave(try await traffic.enter(), verdict(.authentication))
        traffic.update(TrafficLimits(concurrency: 3))
        #expect(traffic.pause == .seconds(30))
        traffic.forgive()
        #expect(traffic.pause == nil)
        traffic.leave(try await traffic.enter(), verdict(.rateLimit, retryAfter: .seconds(60)))
        traffic.update(TrafficLimits(breaker: nil))
        #expect(traffic.pause == nil)
        traffic.leave(try await traffic.enter(), verdict(.authentication))
        #expect(traffic.pause == nil)
    }

    @Test @EventLoop func `a job that is called off while it waits buys nothing`() async throws {
        let clock = SteppedClock()
        let traffic = traffic(clock, TrafficLimits(concurrency: 1))
        let (first, cancellation) = (try await traffic.enter(), Promise<Void>())
        let waiting = EventLoop.spawn { try await traffic.enter(unless: cancellation) }
        await clock.settle()
        // Its turn and the cancellation come together.
        traffic.leave(first)
        cancellation.fulfil(())
        let failure = await #expect(throws: ProviderFailure.self) { try await waiting.value }
        #expect(failure?.boughtNothing == true)
        #expect(traffic.underWayCount == 0)
    }
}
