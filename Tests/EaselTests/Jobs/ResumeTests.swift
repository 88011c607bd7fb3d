import Crypto
import HTTP
import HTTPServer
import JSON
import LibEvent
import Support
import Testing

@testable import Easel

/// Jobs that an earlier run of the process left behind.
@Suite(.onEventLoop)
struct ResumeTests {
    /// Writes a job down as far as a run had come that crashed, takes it up, and waits for its end.
    @EventLoop private func resume(
        _ parts: Parts, count: Int = 1, _ attempt: AttemptRecord?, kept: [ImageRecord] = [], isToStop: Bool = false
    ) async throws -> (ending: JobEnding?, story: JobStory) {
        let (key, _) = try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now)
        var job = JobRecord.example(Self.id, key: key.id, count: count)
        job.state = attempt == nil ? .accepted : .submitted
        try await parts.ledger.accept(job, attempt)
        if let attempt { try await parts.ledger.record(attempt, state: .submitted) }
        try await parts.ledger.keep(kept)
        if isToStop { try await parts.ledger.stop(Self.id, at: parts.clock.now) }
        parts.jobs.resume(try await parts.ledger.unfinished())
        let ending = await parts.jobs.job(Self.id)?.ending.wait()
        return (ending, try #require(try await parts.ledger.job(Self.id)))
    }

    /// A provider whose queue has finished every task, and which makes nothing new.
    @EventLoop private func finishedQueue() throws -> FakeProvider {
        try FakeProvider { call in
            guard call.request.method == .get else { return .failure(500) }
            return call.path.hasSuffix("/result") ? .images(png(filler: call.path)) : .json(["state": "ready"])
        }
    }

    private static let id = "req_1"

    /// An attempt with a task for each request that has one.
    private static func attempt(tasks: String?..., pending: [PendingImage]? = nil) -> AttemptRecord {
        var attempt = AttemptRecord.example(id)
        attempt.model = "otter"
        let list = tasks.map { id in id.map { UpstreamTask(id: $0).json } ?? .null }
        attempt.task = list.isEmpty ? nil : JSONValue.array(list).text
        attempt.pending = pending.map { JSONValue.array([.array($0.map(\.json))]).text }
        return attempt
    }

    private static func pending(
        _ url: String, at position: Int = 0, expiresIn time: Duration = .seconds(3600)
    ) throws -> PendingImage {
        let image = DeliveredImage(image: ResultImage(payload: .url(url)), files: [], seed: 7)
        return try #require(PendingImage(image, position: position, expiresAt: ManualClock().now + time))
    }

    // MARK: What the ledger knows is got

    @Test @EventLoop func `a task is followed to its images`() async throws {
        let provider = try finishedQueue()
        let parts = try Parts(Parts.routes(provider.url, dialect: "queue"))
        let (ending, story) = try await resume(parts, Self.attempt(tasks: "task-7"))
        #expect(provider.paths == ["/queue/task-7", "/queue/task-7/result"])
        #expect(ending?.finished?.images.count == 1)
        #expect(story.job.state == .done)
        #expect(story.job.cost == Money("0.025"))
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a task is asked about even when its time was over long ago`() async throws {
        let provider = try finishedQueue()
        let parts = try Parts(Parts.routes(provider.url, dialect: "queue"))
        parts.clock.advance(by: .seconds(86_400))
        let (_, story) = try await resume(parts, Self.attempt(tasks: "task-7"))
        #expect(story.job.state == .done)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `results are fetched that had not been stored`() async throws {
        let provider = try FakeProvider { call in .picture(png(filler: call.path)) }
        let parts = try Parts(Parts.routes(provider.url))
        let pending = try [Self.pending("\(provider.url)/a"), Self.pending("\(provider.url)/b", at: 1)]
        let (_, story) = try await resume(parts, count: 2, Self.attempt(pending: pending))
        #expect(provider.paths.sorted() == ["/a", "/b"])
        #expect(story.job.state == .done)
        #expect(story.images.map(\.blob.digest) == ["/a", "/b"].map { SHA256.digest(of: png(filler: $0)) })
        #expect(story.images.map(\.seed) == [7, 7])
        #expect(story.attempts.map(\.pending) == [nil])
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `images of requests that had ended stay, and the others join them`() async throws {
        let provider = try finishedQueue()
        let parts = try Parts(Parts.routes(provider.url, dialect: "queue"))
        let kept = ImageRecord.example("kept", of: Self.id)
        let (_, story) = try await resume(parts, count: 2, Self.attempt(tasks: "task-1", "task-2"), kept: [kept])
        #expect(provider.paths == ["/queue/task-2", "/queue/task-2/result"])
        #expect(story.images.map(\.position) == [0, 100])
        #expect(story.images.first?.token == "kept")
        #expect(story.job.images == 2)
        #expect(story.job.cost == Money("0.05"))
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `of results whose address is known only those are fetched that are missing`() async throws {
        let provider = try FakeProvider { call in .picture(png(filler: call.path)) }
        let parts = try Parts(Parts.routes(provider.url))
        let pending = try [Self.pending("\(provider.url)/a"), Self.pending("\(provider.url)/b", at: 1)]
        let kept = ImageRecord.example("kept", of: Self.id)
        let (_, story) = try await resume(parts, count: 2, Self.attempt(pending: pending), kept: [kept])
        #expect(provider.paths == ["/b"])
        #expect(story.images.map(\.position) == [0, 1])
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [true, false])
    @EventLoop func `a link that should be dead by now is tried once more`(isAlive: Bool) async throws {
        let provider = try FakeProvider { _ in isAlive ? .picture(png()) : .failure(404) }
        let parts = try Parts(Parts.routes(provider.url))
        let pending = try [Self.pending("\(provider.url)/a", expiresIn: .seconds(-1))]
        let (ending, story) = try await resume(parts, Self.attempt(pending: pending))
        #expect(provider.paths == ["/a"])
        #expect(story.job.state == (isAlive ? .done : .failed))
        #expect(story.job.cost == Money("0.025"), "it was made all the same")
        #expect(ending?.error?.code == (isAlive ? nil : "result_unavailable"))
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a task is not forgotten when only its results are left to fetch`() async throws {
        let provider = try FakeProvider { call in .picture(png(filler: call.path)) }
        let parts = try Parts(Parts.routes(provider.url, dialect: "queue"))
        let pending = try [Self.pending("\(provider.url)/a")]
        let (_, story) = try await resume(parts, Self.attempt(tasks: "task-7", pending: pending))
        #expect(provider.paths == ["/a"])
        #expect(story.attempts.first?.task?.contains("task-7") == true)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `an image that was kept before is not let go of while another job stores it`() async throws {
        let parts = try Parts(Parts.routes("http://127.0.0.1:9"))
        let bytes = png(length: BlobContent.fileLength)
        let file = try await parts.spool.receiveFile(then: ListedPieces([bytes]), limit: 1 << 20)
        var kept = ImageRecord.example("kept", of: Self.id)
        kept.blob.digest = file.digest
        _ = try await parts.blobs.store(file)
        _ = try await resume(parts, count: 3, Self.attempt(), kept: [kept])
        #expect(try await !parts.blobs.remove(kept.blob.digest) { true })
        await parts.close()
    }

    // MARK: What it does not know is not bought again

    @Test @EventLoop func `a call whose answer was lost is unknown, and nothing is bought again`() async throws {
        let provider = try FakeProvider { _ in .images(png()) }
        let parts = try Parts(Parts.routes(provider.url, provider.url))
        let (ending, story) = try await resume(parts, Self.attempt())
        #expect(provider.calls.isEmpty)
        #expect(story.job.state == .unknown)
        #expect(story.job.cost == nil)
        #expect(story.attempts.map(\.state) == [.unknown])
        #expect(ending?.error?.shouldRetry == false)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `images that are here are an answer, also when other requests were lost`() async throws {
        let provider = try FakeProvider { _ in .images(png()) }
        let parts = try Parts(Parts.routes(provider.url, dialect: "single"))
        let kept = ImageRecord.example("kept", of: Self.id)
        let (ending, story) = try await resume(parts, count: 3, Self.attempt(), kept: [kept])
        #expect(provider.calls.isEmpty)
        #expect(ending?.finished?.images.map(\.token) == ["kept"])
        #expect(story.job.state == .done)
        #expect(story.job.images == 1)
        #expect(!story.job.missing.isEmpty, "two are missing, and it says why")
        #expect(story.job.cost == Money("0.075"), "they may have been made")
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a job that no provider was asked for has failed and cost nothing`() async throws {
        let provider = try FakeProvider { _ in .images(png()) }
        let parts = try Parts(Parts.routes(provider.url))
        let (ending, story) = try await resume(parts, nil)
        #expect(provider.calls.isEmpty)
        #expect(story.job.state == .failed)
        #expect(story.job.cost == Money(microunits: 0))
        #expect(ending?.error?.code == "gateway_restarted")
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a job that was to stop is stopped at the provider`() async throws {
        let stopped = Counter()
        let provider = try FakeProvider { call in
            if call.request.method == .delete { stopped.count += 1 }
            return .json(["state": stopped.count > 0 ? "stopped" : "busy"])
        }
        let parts = try Parts(Parts.routes(provider.url, dialect: "queue"))
        let (ending, story) = try await resume(parts, Self.attempt(tasks: "task-7"), isToStop: true)
        #expect(stopped.count == 1)
        #expect(ending?.error?.code == "job_cancelled")
        #expect(story.job.state == .cancelled)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a job that was to stop and had not been bought is cancelled`() async throws {
        let parts = try Parts()
        let (ending, story) = try await resume(parts, nil, isToStop: true)
        #expect(ending?.error == .cancelled())
        #expect(story.job.state == .cancelled)
        #expect(story.job.cost == Money(microunits: 0))
        await parts.close()
    }

    @Test @EventLoop func `a drawing that was interrupted cost nothing`() async throws {
        let parts = try Parts()
        var attempt = Self.attempt()
        attempt.provider = "offline"
        let (_, story) = try await resume(parts, attempt)
        #expect(story.job.state == .failed)
        #expect(story.job.cost == Money(microunits: 0))
        await parts.close()
    }

    @Test(arguments: [true, false])
    @EventLoop func `a job whose provider was removed ends with what it has`(hasImage: Bool) async throws {
        let parts = try Parts()
        var attempt = Self.attempt(tasks: "task-1", "task-2")
        attempt.provider = "gone"
        let kept = hasImage ? [ImageRecord.example("kept", of: Self.id)] : []
        let (ending, story) = try await resume(parts, count: 2, attempt, kept: kept)
        #expect(story.job.state == (hasImage ? .done : .unknown))
        #expect(story.job.images == kept.count)
        #expect(story.attempts.map(\.state) == [hasImage ? .done : .unknown])
        #expect(ending?.finished?.job.missing.count == (hasImage ? 1 : nil))
        #expect(ending?.error?.message.contains("'gone'") == (hasImage ? nil : true))
        await parts.close()
    }
}
