import Crypto
import HTTP
import HTTPServer
import JSON
import LibEvent
import Support
import Testing

@testable import Easel

/// Orders at a provider that queues them.
@Suite(.onEventLoop)
struct QueueJobTests {
    /// A provider whose queue gives these answers to polls in turn, the last one for ever.
    @EventLoop private func provider(
        polls: [Response], result: Response = .images(png()),
        atPoll: @escaping @EventLoop @Sendable () async -> Void = {}
    ) throws -> FakeProvider {
        let polled = Counter()
        return try FakeProvider { call in
            switch call.path {
            case "/queue": return .json(["id": "task-7"])
            case "/queue/task-7/result": return result
            default:
                await atPoll()
                polled.count += 1
                return polls[min(polled.count, polls.count) - 1]
            }
        }
    }

    private static let busy = Response.json(["state": "busy"])
    /// Wants to be left alone for a day.
    private static let patient = {
        var response = busy
        response.fields["retry-after"] = "86400"
        return response
    }()
    private static let ready = Response.json(["state": "ready"])

    @Test @EventLoop func `a queued order is followed to its images`() async throws {
        let provider = try provider(polls: [Self.busy, Self.busy, Self.ready])
        let parts = try Parts(Parts.routes(provider.url, dialect: "queue"))
        let (ending, story) = try await parts.run(parts.submission("otter"))
        #expect(ending?.finished?.images.map(\.blob.digest) == [SHA256.digest(of: png())])
        #expect(
            provider.paths == [
                "/queue", "/queue/task-7", "/queue/task-7", "/queue/task-7", "/queue/task-7/result",
            ])
        #expect(story?.attempts.first?.task?.contains("task-7") == true)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `an order that somebody stopped at the provider ends as cancelled`() async throws {
        let provider = try provider(polls: [Self.busy, .json(["state": "stopped"])])
        let parts = try Parts(Parts.routes(provider.url, dialect: "queue"))
        let (ending, story) = try await parts.run(parts.submission("otter"))
        #expect(ending?.error == .cancelled(boughtNothing: false))
        #expect(story?.job.state == .cancelled)
        // Nobody knows whether it was charged for.
        #expect(story?.job.cost == nil)
        #expect(story?.attempts.first?.state == .unknown)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `the task is written down before the first poll`() async throws {
        let (folder, seen) = (TemporaryFolder(), Promise<String?>())
        let provider = try provider(polls: [Self.ready]) {
            let ledger = try? Ledger(folder: folder.path)
            let newest = try? await ledger?.jobs(limit: 1).first
            seen.fulfil(try? await ledger?.job(newest?.id ?? "")?.attempts.first?.task)
            await ledger?.close()
        }
        let parts = try Parts(Parts.routes(provider.url, dialect: "queue"), in: folder)
        _ = try await parts.run(parts.submission("otter"))
        #expect((seen.value ?? nil) == #"[{"id":"task-7"}]"#)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `polls that fail are repeated, and lose nothing`() async throws {
        let polls = [
            .failure(500), .failure(429), .failure(404), .broken(after: [0x7B], of: 100),
            Response(.ok, body: .bytes(Array("<html>".utf8))), Self.busy, Self.ready,
        ]
        let provider = try provider(polls: polls)
        let parts = try Parts(Parts.routes(provider.url, dialect: "queue", timeout: "10m"))
        let (ending, _) = try await parts.run(parts.submission("otter"))
        #expect(ending?.finished?.images.count == 1)
        #expect(provider.paths.count { $0 == "/queue" } == 1)
        #expect(provider.paths.count { $0 == "/queue/task-7" } == polls.count)
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [busy, .failure(500), patient])
    @EventLoop func `polls end at the deadline, and the order is not placed again`(answer: Response) async throws {
        let provider = try provider(polls: [answer])
        let routes = Parts.routes(provider.url, provider.url, dialect: "queue")
        let parts = try Parts(routes.replacing("timeout: 60s", with: "timeout: 60s, job_timeout: 5m"))
        let start = parts.clock.now
        let (ending, story) = try await parts.run(parts.submission("otter"))
        #expect(ending?.error?.status == .gatewayTimeout)
        #expect(ending?.error?.shouldRetry == false)
        #expect(story?.job.state == .unknown)
        #expect(parts.clock.now - start >= .seconds(300))
        #expect(parts.clock.now - start < .seconds(310))
        #expect(provider.calls.count < 110)
        #expect(provider.paths.count { $0 == "/queue" } == 1)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a task has its whole time, however long its order waited for its turn`() async throws {
        let (clock, polled) = (ManualClock(), Counter())
        let provider = try FakeProvider { call in
            if call.path == "/queue" {
                clock.advance(by: .seconds(7200))
                return .json(["id": "task-7"])
            }
            polled.count += 1
            return call.path.hasSuffix("/result") ? .images(png()) : polled.count < 100 ? Self.busy : Self.ready
        }
        let parts = try Parts(Parts.routes(provider.url, dialect: "queue"), clock: clock)
        let (ending, _) = try await parts.run(parts.submission("otter"))
        #expect(ending?.finished?.images.count == 1)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a queue that failed is not taken for free, nor tried elsewhere`() async throws {
        let provider = try provider(polls: [.json(["state": "ready", "error": "out of memory"])])
        let parts = try Parts(Parts.routes(provider.url, provider.url, dialect: "queue"))
        let (ending, story) = try await parts.run(parts.submission("otter"))
        #expect(ending?.error?.message.contains("out of memory") == true)
        #expect(story?.job.state == .unknown)
        #expect(story?.job.cost == nil)
        #expect(provider.paths.count { $0 == "/queue" } == 1)
        await provider.stop()
        await parts.close()
    }
}
