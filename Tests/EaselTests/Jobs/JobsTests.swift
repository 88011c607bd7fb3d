import HTTP
import HTTPServer
import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop)
struct JobsTests {
    @Test @EventLoop func `a client that leaves stops waiting, and its job goes on`() async throws {
        let (wasAsked, mayAnswer) = (Promise<Void>(), Promise<Void>())
        let provider = try FakeProvider { _ in
            wasAsked.fulfil(())
            _ = await mayAnswer.wait()
            return .images(png())
        }
        let parts = try Parts(Parts.routes(provider.url))
        let (_, key) = try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now)
        let client = EventLoop.spawn {
            try await parts.send(
                .post, "/v1/images/generations", key: key, body: Array(#"{"model": "otter", "prompt": "p"}"#.utf8))
        }
        _ = await wasAsked.wait()
        client.cancel()
        let response = try await client.value
        #expect(response.status.rawValue == 499)
        #expect(parts.jobs.count == 1)
        mayAnswer.fulfil(())
        #expect(await eventually { parts.jobs.count == 0 })
        let id = try #require(response.fields["x-request-id"])
        let story = try await parts.ledger.job(id)
        #expect(story?.job.state == .done)
        #expect(story?.images.count == 1)
        let answer = try await parts.send(.get, "/v1/images/jobs/\(id)", key: key)
        #expect(answer.status == .ok)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `stopping waits for the jobs under way, and takes no more`() async throws {
        let mayAnswer = Promise<Void>()
        let provider = try FakeProvider { _ in
            _ = await mayAnswer.wait()
            return .images(png())
        }
        let parts = try Parts(Parts.routes(provider.url))
        let (key, _) = try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now)
        let jobs = try (1...3).map { try parts.jobs.start(parts.submission("otter"), id: "req_\($0)", key: key) }
        let isDrained = Promise<Void>()
        EventLoop.spawn {
            await parts.jobs.drain()
            isDrained.fulfil(())
        }
        #expect(await eventually { provider.calls.count == 3 })
        #expect(isDrained.value == nil)
        let error = #expect(throws: GatewayError.self) {
            try parts.jobs.start(parts.submission("otter"), id: "req_4", key: key)
        }
        #expect(error == .stopping())
        mayAnswer.fulfil(())
        _ = await isDrained.wait()
        #expect(parts.jobs.count == 0)
        for job in jobs { #expect(job.ending.value?.finished != nil) }
        await parts.jobs.drain()
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `when time is up nothing more is bought, and who waits for the rest is told where to ask`()
        async throws
    {
        let mayAnswer = Promise<Void>()
        let provider = try FakeProvider { _ in
            _ = await mayAnswer.wait()
            return .images(png())
        }
        let text = Parts.routes(provider.url, provider.url)
            .replacing("timeout: 60s", with: "timeout: 60s, concurrency: 1")
        let parts = try Parts(text)
        let (key, _) = try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now)
        let sent = try parts.jobs.start(parts.submission("otter"), id: "req_1", key: key)
        #expect(await eventually { provider.calls.count == 1 })
        let waiting = try parts.jobs.start(parts.submission("otter"), id: "req_2", key: key)
        #expect(await eventually { waiting.receipt.value != nil })
        let told = EventLoop.spawn { await sent.ending.wait() }

        parts.jobs.hold()
        #expect(await waiting.ending.wait()?.error == .stopping())
        let story = try await parts.ledger.job("req_2")
        #expect(story?.job.state == .failed)
        #expect(story?.job.cost == Money(microunits: 0))
        #expect(story?.attempts.map(\.state) == [.refused])
        #expect(sent.ending.value == nil)

        parts.jobs.park()
        #expect(try await told.value == nil)
        #expect(sent.lateness == .parked("req_1"))
        mayAnswer.fulfil(())
        #expect(await sent.ending.wait()?.finished != nil)
        #expect(provider.calls.count == 1)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `no more orders are at a provider than it takes at once`() async throws {
        let (underWay, most) = (Box(0), Box(0))
        let provider = try FakeProvider { _ in
            underWay.value += 1
            most.value = max(most.value, underWay.value)
            try? await EventLoop.sleep(for: .milliseconds(20))
            underWay.value -= 1
            return .images(png())
        }
        let text = Parts.routes(provider.url).replacing("timeout: 60s", with: "timeout: 60s, concurrency: 2")
        let parts = try Parts(text)
        let (key, _) = try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now)
        let jobs = try (1...8).map { try parts.jobs.start(parts.submission("otter"), id: "req_\($0)", key: key) }
        for job in jobs { #expect(await job.ending.wait()?.finished != nil) }
        #expect(most.value == 2)
        #expect(provider.calls.count == 8)
        await provider.stop()
        await parts.close()
    }
}

@EventLoop
private final class Box {
    var value: Int
    nonisolated init(_ value: Int) { self.value = value }
}
