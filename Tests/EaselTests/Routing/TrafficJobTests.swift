import HTTP
import HTTPServer
import JSON
import LibEvent
import Support
import Testing

@testable import Easel

/// Jobs that meet the limits of their providers.
@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct TrafficJobTests {
    /// Routes to providers, the first of which has further settings.
    private func routes(_ urls: [String], dialect: String = "plain", _ settings: String) -> String {
        let text =
            urls.count == 1
            ? Parts.routes(urls[0], dialect: dialect) : Parts.routes(urls[0], urls[1], dialect: dialect)
        return text.replacing("timeout: 60s", with: "timeout: 60s, \(settings)", maxReplacements: 1)
    }

    @Test @EventLoop func `an order that would wait behind a full queue goes to the next route`() async throws {
        let (mayAnswer, hasCome) = (Promise<Void>(), Promise<Void>())
        let busy = try FakeProvider { _ in
            hasCome.fulfil(())
            _ = await mayAnswer.wait()
            return .images(png(filler: "a"))
        }
        let idle = try FakeProvider { _ in .images(png(filler: "b")) }
        let parts = try Parts(routes([busy.url, idle.url], "concurrency: 1, queue: 0"))
        let first = EventLoop.spawn { try await parts.run(parts.submission("otter")).story?.attempts.last?.provider }
        _ = await hasCome.wait()
        let (second, story) = try await parts.run(parts.submission("otter"))
        mayAnswer.fulfil(())
        #expect(try await first.value == "p0")
        #expect(second?.finished?.attempts.last?.provider == "p1")
        #expect(story?.attempts.map(\.state) == [.refused, .done])
        #expect([busy.calls.count, idle.calls.count] == [1, 1])
        await busy.stop()
        await idle.stop()
        await parts.close()
    }

    @Test @EventLoop func `without another route the client hears whose queue is full, and that nothing was bought`()
        async throws
    {
        let (mayAnswer, hasCome) = (Promise<Void>(), Promise<Void>())
        let busy = try FakeProvider { _ in
            hasCome.fulfil(())
            _ = await mayAnswer.wait()
            return .images(png())
        }
        let parts = try Parts(routes([busy.url], "concurrency: 1, queue: 0"))
        let first = EventLoop.spawn { try await parts.run(parts.submission("otter")).story?.attempts.last?.provider }
        _ = await hasCome.wait()
        let (second, story) = try await parts.run(parts.submission("otter"))
        mayAnswer.fulfil(())
        _ = try await first.value
        #expect(second?.error?.status == .serviceUnavailable)
        #expect(second?.error?.retryAfter == .seconds(5))
        #expect(second?.error?.shouldRetry == nil)
        #expect(second?.error?.message.hasPrefix("0 requests are waiting for the provider 'p0' already") == true)
        #expect(story?.job.cost == Money(microunits: 0))
        await busy.stop()
        await parts.close()
    }

    @Test @EventLoop func `a provider that keeps failing is asked no more, until its pause is over`() async throws {
        let isMended = Promise<Void>()
        let broken = try FakeProvider { _ in isMended.value == nil ? .failure(503) : .images(png(filler: "a")) }
        let idle = try FakeProvider { _ in .images(png(filler: "b")) }
        let parts = try Parts(routes([broken.url, idle.url], "breaker: {failures: 2, pause: 30s}"))
        for _ in 0..<4 {
            let (ending, _) = try await parts.run(parts.submission("otter"))
            #expect(ending?.finished?.attempts.last?.provider == "p1")
        }
        #expect([broken.calls.count, idle.calls.count] == [2, 4])
        isMended.fulfil(())
        parts.clock.advance(by: .seconds(30))
        let (ending, _) = try await parts.run(parts.submission("otter"))
        #expect(ending?.finished?.attempts.last?.provider == "p0")
        await broken.stop()
        await idle.stop()
        await parts.close()
    }

    @Test @EventLoop func `where all are left alone nothing is begun, and the client hears when to try again`()
        async throws
    {
        let providers = try (0..<2).map { _ in try FakeProvider { _ in .failure(401) } }
        let parts = try Parts(routes(providers.map(\.url), "breaker: {pause: 20s}"))
        #expect(try await parts.run(parts.submission("otter")).ending?.error?.code == "upstream_auth_failed")
        let (ending, story) = try await parts.run(parts.submission("otter"))
        #expect(ending?.error?.status == .serviceUnavailable)
        #expect(ending?.error?.retryAfter == .seconds(20))
        #expect(ending?.error?.message.contains("Every provider of the model 'otter'") == true)
        #expect(story == nil)
        #expect(providers.map(\.calls.count) == [1, 1])
        for provider in providers { await provider.stop() }
        await parts.close()
    }

    @Test @EventLoop func `a doubtful answer counts against the provider, and is still not bought again`() async throws
    {
        let broken = try FakeProvider { _ in .failure(500) }
        let parts = try Parts(routes([broken.url, broken.url], "breaker: {failures: 1}"))
        let (first, _) = try await parts.run(parts.submission("otter"))
        #expect(first?.error?.shouldRetry == false)
        #expect(broken.calls.count == 1)
        await broken.stop()
        await parts.close()
    }

    @Test @EventLoop func `a rate is kept, and the order that comes too early waits`() async throws {
        let provider = try FakeProvider { _ in .images(png()) }
        let parts = try Parts(routes([provider.url], "rate: 2/minute"))
        let start = parts.clock.now
        for _ in 0..<2 { _ = try await parts.run(parts.submission("otter")) }
        #expect(parts.clock.now == start)
        let (ending, _) = try await parts.run(parts.submission("otter"))
        #expect(ending?.finished != nil)
        #expect(parts.clock.now - start >= .seconds(60))
        #expect(provider.calls.count == 3)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `what is paid for is asked about, whatever keeps new orders away`() async throws {
        let (isShut, isPolled, orders) = (Promise<Void>(), Promise<Void>(), Counter())
        let provider = try FakeProvider { call in
            switch call.path {
            case "/queue":
                orders.count += 1
                return orders.count == 1 ? .json(["id": "task-7"]) : .failure(401)
            case "/queue/task-7/result": return .images(png())
            default:
                isPolled.fulfil(())
                _ = await isShut.wait()
                return .json(["state": "ready"])
            }
        }
        let parts = try Parts(routes([provider.url], dialect: "queue", "concurrency: 1, queue: 0, rate: 2/hour"))
        let paid = EventLoop.spawn { try await parts.run(parts.submission("otter")).ending?.finished?.images.count }
        _ = await isPolled.wait()
        // The second locks the account out, and the third is not even sent.
        for _ in 0..<2 {
            let (ending, _) = try await parts.run(parts.submission("otter"))
            #expect(ending?.error != nil)
        }
        #expect(orders.count == 2)
        isShut.fulfil(())
        #expect(try await paid.value == 1)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a provider that takes every order and fails at it is asked no more`() async throws {
        let orders = Counter()
        let provider = try FakeProvider { call in
            guard call.path == "/queue" else { return .json(["error": "out of paint"]) }
            orders.count += 1
            return .json(["id": "task-7"])
        }
        let parts = try Parts(routes([provider.url], dialect: "queue", "breaker: {failures: 3, pause: 1h}"))
        for _ in 0..<3 { #expect(try await parts.run(parts.submission("otter")).story?.attempts.last?.task != nil) }
        let (ending, story) = try await parts.run(parts.submission("otter"))
        #expect(ending?.error?.retryAfter != nil && story == nil)
        #expect(orders.count == 3)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a poll that hangs ends by its own deadline, and is repeated`() async throws {
        let (never, polls) = (Promise<Void>(), Counter())
        let provider = try FakeProvider { call in
            switch call.path {
            case "/queue": return .json(["id": "task-7"])
            case "/queue/task-7/result": return .images(png())
            default:
                polls.count += 1
                if polls.count == 1 { _ = await never.wait() }
                return .json(["state": "ready"])
            }
        }
        let parts = try Parts(routes([provider.url], dialect: "queue", "poll_timeout: 50ms"))
        let (ending, _) = try await parts.run(parts.submission("otter"))
        #expect(ending?.finished?.images.count == 1)
        #expect(polls.count == 2)
        never.fulfil(())
        await provider.stop()
        await parts.close()
    }
}
