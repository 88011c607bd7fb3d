import Crypto
import HTTP
import HTTPServer
import JSON
import LibEvent
import Support
import Testing

@testable import Easel

/// That a retry buys nothing: what the provider was asked for is counted.
@Suite(.onEventLoop)
struct ReceptionTests {
    /// A provider that draws another picture each time, once it may.
    @EventLoop private func provider(after mayAnswer: Promise<Void>? = nil) throws -> FakeProvider {
        try FakeProvider { call in
            if let mayAnswer { _ = await mayAnswer.wait() }
            return .images(png(filler: "\(call.number)"))
        }
    }

    @EventLoop private func key(_ parts: Parts) async throws -> Secret {
        try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now).key
    }

    @EventLoop private func ask(
        _ parts: Parts, _ key: Secret, prompt: String = "an otter", name: String? = nil, retry: Int? = nil
    ) async throws -> Response {
        // As ids have their time in milliseconds, no two requests are of the same one.
        parts.clock.advance(by: .milliseconds(1))
        var fields: Fields = [:]
        fields["idempotency-key"] = name
        fields["x-stainless-retry-count"] = retry.map(String.init)
        return try await parts.send(
            .post, "/v1/images/generations", key: key, fields: fields,
            body: Array(#"{"model": "otter", "prompt": "\#(prompt)"}"#.utf8))
    }

    // MARK: With a name

    @Test @EventLoop func `a name buys once, and its answer is told again`() async throws {
        let provider = try provider()
        let parts = try Parts(Parts.routes(provider.url))
        let key = try await key(parts)
        let first = try await ask(parts, key, name: "n")
        let answer = try await first.json()
        #expect(first.fields["easel-replayed"] == nil)
        for retry in [nil, 0, 1, 5] {
            let again = try await ask(parts, key, name: "n", retry: retry)
            #expect(again.status == .ok)
            #expect(again.fields["x-request-id"] == first.fields["x-request-id"])
            #expect(again.fields["easel-replayed"] == "true")
            #expect(try await again.json() == answer)
        }
        #expect(provider.calls.count == 1)
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [nil, "n"])
    @EventLoop func `equal requests in the same instant are one job only when they have a name`(
        name: String?
    ) async throws {
        let mayAnswer = Promise<Void>()
        let provider = try provider(after: mayAnswer)
        let parts = try Parts(Parts.routes(provider.url))
        let key = try await key(parts)
        let clients = (1...8).map { _ in EventLoop.spawn { try await ask(parts, key, name: name) } }
        #expect(await eventually { provider.calls.count == (name == nil ? 8 : 1) })
        mayAnswer.fulfil(())
        var ids: Set<String> = []
        for client in clients {
            let answer = try await client.value
            #expect(answer.status == .ok)
            ids.insert(answer.fields["x-request-id"] ?? "")
        }
        #expect(ids.count == provider.calls.count)
        #expect(provider.calls.count == (name == nil ? 8 : 1))
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [true, false])
    @EventLoop func `a name that stands for another request is refused`(isDone: Bool) async throws {
        let mayAnswer = Promise<Void>()
        let provider = try provider(after: mayAnswer)
        let parts = try Parts(Parts.routes(provider.url))
        let (key, other) = (try await key(parts), try await key(parts))
        let first = EventLoop.spawn { try await ask(parts, key, name: "n") }
        #expect(await eventually { provider.calls.count == 1 })
        if isDone {
            mayAnswer.fulfil(())
            _ = try await first.value
        }
        let refused = try await ask(parts, key, prompt: "a seal", name: "n")
        #expect(refused.status == .unprocessableContent)
        #expect(try await refused.json()["error"]?["code"] == "idempotency_key_reused")
        #expect(try await refused.json()["error"]?["message"]?.string?.contains("'n'") == true)
        mayAnswer.fulfil(())
        // Names are each client's own.
        #expect(try await ask(parts, other, prompt: "a seal", name: "n").status == .ok)
        #expect(try await first.value.status == .ok)
        #expect(provider.calls.count == 2)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a name that cannot be one is refused before anything is bought`() async throws {
        let provider = try provider()
        let parts = try Parts(Parts.routes(provider.url))
        #expect(try await ask(parts, try await key(parts), name: "two words").status == .badRequest)
        #expect(provider.calls.isEmpty)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a name is forgotten after a day, or what the owner says`() async throws {
        let provider = try provider()
        let parts = try Parts(Parts.routes(provider.url) + "\nidempotency: 2h")
        let key = try await key(parts)
        _ = try await ask(parts, key, name: "n")
        parts.clock.advance(by: .seconds(7199))
        #expect(try await ask(parts, key, name: "n").fields["easel-replayed"] == "true")
        parts.clock.advance(by: .seconds(2))
        #expect(try await ask(parts, key, prompt: "a seal", name: "n").fields["easel-replayed"] == nil)
        #expect(provider.calls.count == 2)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a name counts from the end of its job, however long that took`() async throws {
        let mayAnswer = Promise<Void>()
        let provider = try provider(after: mayAnswer)
        let parts = try Parts(Parts.routes(provider.url) + "\nidempotency: 1m")
        let key = try await key(parts)
        let first = EventLoop.spawn { try await ask(parts, key, name: "n") }
        #expect(await eventually { provider.calls.count == 1 })
        parts.clock.advance(by: .seconds(3600))
        mayAnswer.fulfil(())
        #expect(try await first.value.status == .ok)
        parts.clock.advance(by: .seconds(59))
        #expect(try await ask(parts, key, name: "n").fields["easel-replayed"] == "true")
        parts.clock.advance(by: .seconds(2))
        #expect(try await ask(parts, key, name: "n").fields["easel-replayed"] == nil)
        #expect(provider.calls.count == 2)
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: ["n", nil])
    @EventLoop func `a job of an earlier run is found, however long ago it began`(name: String?) async throws {
        let mayAnswer = Promise<Void>()
        let provider = try FakeProvider { call in
            _ = await mayAnswer.wait()
            return call.path.hasSuffix("/result") ? .images(png()) : .json(["state": "ready"])
        }
        let parts = try Parts(Parts.routes(provider.url, dialect: "queue"))
        let (key, _) = try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now)
        let admit = client(parts, key, name: name)
        var job = JobRecord.example(head(parts), key: key.id, at: parts.clock.now)
        (job.idempotencyKey, job.fingerprint) = (name, Self.fingerprint)
        var attempt = AttemptRecord.example(job.id)
        attempt.model = "otter"
        attempt.task = JSONValue.array([UpstreamTask(id: "task-7").json]).text
        try await parts.ledger.accept(job, attempt)
        try await parts.ledger.record(attempt, state: .submitted)
        parts.clock.advance(by: .seconds(200_000))
        parts.reception.resume(try await parts.ledger.unfinished())
        #expect(try await admit(1, nil) == Visit(jobID: job.id, kind: .joined))
        mayAnswer.fulfil(())
        #expect(await eventually { parts.jobs.count == 0 })
        #expect(try await admit(2, nil) == Visit(jobID: job.id, kind: .repeated))
        #expect(provider.paths == ["/queue/task-7", "/queue/task-7/result"])
        await provider.stop()
        await parts.close()
    }

    // MARK: How the first try ended

    @Test(arguments: [(name: "n", retry: 0), (name: nil, retry: 1)] as [(name: String?, retry: Int)])
    @EventLoop func `a job that bought nothing is tried again for free`(name: String?, retry: Int) async throws {
        let provider = try FakeProvider { call in call.number == 1 ? .failure(429) : .images(png()) }
        let parts = try Parts(Parts.routes(provider.url))
        let key = try await key(parts)
        let first = try await ask(parts, key, name: name)
        #expect(first.status == .tooManyRequests)
        // The provider asked to be left alone, and is.
        let pause = try #require(first.fields["retry-after"].flatMap { Int($0) })
        parts.clock.advance(by: .seconds(pause))
        let second = try await ask(parts, key, name: name, retry: retry)
        #expect(second.status == .ok)
        #expect(second.fields["easel-replayed"] == nil)
        #expect(second.fields["x-request-id"] != first.fields["x-request-id"])
        #expect(provider.calls.count == 2)
        // And that one counts from now on.
        for retry in [retry, retry + 1] {
            #expect(try await ask(parts, key, name: name, retry: retry).fields["easel-replayed"] == "true")
        }
        #expect(provider.calls.count == 2)
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [(name: "n", retry: 0), (name: nil, retry: 1)] as [(name: String?, retry: Int)])
    @EventLoop func `a job of unknown end is not bought again, and its error is told again`(
        name: String?, retry: Int
    ) async throws {
        let provider = try FakeProvider { _ in .broken(after: [0x7B], of: 100) }
        let parts = try Parts(Parts.routes(provider.url))
        let key = try await key(parts)
        let first = try await ask(parts, key, name: name)
        #expect(first.status == .badGateway)
        let second = try await ask(parts, key, name: name, retry: retry)
        #expect(second.status == .badGateway)
        #expect(second.fields["x-should-retry"] == "false")
        #expect(second.fields["easel-replayed"] == "true")
        #expect(second.fields["x-request-id"] == first.fields["x-request-id"])
        #expect(try await second.json() == first.json())
        #expect(provider.calls.count == 1)
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [(name: "n", retry: 0), (name: nil, retry: 1)] as [(name: String?, retry: Int)])
    @EventLoop func `after a restart the ledger alone knows`(name: String?, retry: Int) async throws {
        let provider = try provider()
        let folder = TemporaryFolder()
        let before = try Parts(Parts.routes(provider.url), in: folder)
        let key = try await key(before)
        let first = try await ask(before, key, name: name)
        await before.close()
        let parts = try Parts(Parts.routes(provider.url), in: folder)
        let second = try await ask(parts, key, name: name, retry: retry)
        #expect(second.fields["x-request-id"] == first.fields["x-request-id"])
        #expect(provider.calls.count == 1)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `images that are not kept any more are not made again`() async throws {
        let provider = try provider()
        let parts = try Parts(Parts.routes(provider.url) + "\nresults: {keep: 1h}")
        let key = try await key(parts)
        _ = try await ask(parts, key, name: "n")
        parts.clock.advance(by: .seconds(3700))
        await parts.sweeper.sweep()
        let again = try await ask(parts, key, name: "n")
        #expect(again.status == .gone)
        #expect(try await again.json()["error"]?["code"] == "images_expired")
        #expect(provider.calls.count == 1)
        await provider.stop()
        await parts.close()
    }

    // MARK: Without a name

    @Test @EventLoop func `a retry waits with the job under way`() async throws {
        let mayAnswer = Promise<Void>()
        let provider = try provider(after: mayAnswer)
        let parts = try Parts(Parts.routes(provider.url))
        let key = try await key(parts)
        let first = EventLoop.spawn { try await ask(parts, key, retry: 0) }
        #expect(await eventually { provider.calls.count == 1 })
        first.cancel()
        let left = try await first.value
        let second = EventLoop.spawn { try await ask(parts, key, retry: 1) }
        let third = EventLoop.spawn { try await ask(parts, key, retry: 2) }
        mayAnswer.fulfil(())
        for client in [second, third] {
            let answer = try await client.value
            #expect(answer.status == .ok)
            #expect(answer.fields["x-request-id"] == left.fields["x-request-id"])
            #expect(answer.fields["easel-replayed"] == "true")
        }
        #expect(provider.calls.count == 1)
        await provider.stop()
        await parts.close()
    }

    /// A client whose requests are admitted as if each had been read in an instant, or for as long as a test likes.
    @EventLoop private func client(_ parts: Parts) async throws -> (Int, _ id: String?) async throws -> Visit {
        client(parts, try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now).record)
    }

    @EventLoop private func client(
        _ parts: Parts, _ key: KeyRecord, name: String? = nil
    ) -> (Int, _ id: String?) async throws -> Visit {
        let submission = parts.submission("otter", name: name, fingerprint: Self.fingerprint)
        return { @EventLoop retry, id in
            let id = id ?? head(parts)
            let arrival = Reception.Arrival(
                id: id, key: key, submission: submission, retryCount: retry, memory: .seconds(3600))
            return switch try await parts.reception.admit(arrival) {
            case .started: Visit(jobID: id, kind: .started)
            case .joined(let job): Visit(jobID: job.id, kind: .joined)
            case .repeated(let story): Visit(jobID: story.value.job.id, kind: .repeated)
            }
        }
    }

    private static let fingerprint = SHA256.digest(of: "an otter")

    private struct Visit: Hashable {
        enum Kind { case started, joined, repeated }
        var jobID: String
        var kind: Kind
    }

    /// The head of a request has been read.
    @EventLoop private func head(_ parts: Parts) -> String {
        // As ids have their time in milliseconds, no two requests are of the same one.
        parts.clock.advance(by: .milliseconds(1))
        return RequestID.make(at: parts.clock.now)
    }

    @Test @EventLoop func `a request that is overtaken by its retry buys nothing, and one that comes later does`()
        async throws
    {
        let mayAnswer = Promise<Void>()
        let provider = try provider(after: mayAnswer)
        let parts = try Parts(Parts.routes(provider.url))
        let admit = try await client(parts)
        let first = head(parts)
        let retry = try await admit(1, nil)
        #expect(retry.kind == .started)
        #expect(try await admit(0, nil).kind == .started)
        // The first to come is the last to be understood.
        #expect(try await admit(0, first) == Visit(jobID: retry.jobID, kind: .joined))
        // Once: whoever asks for the same on purpose gets another.
        #expect(try await admit(0, first) == Visit(jobID: first, kind: .started))
        mayAnswer.fulfil(())
        #expect(await eventually { parts.jobs.count == 0 })
        #expect(provider.calls.count == 3)
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [true, false])
    @EventLoop func `a request whose retry is done when it has been read buys nothing`(isLost: Bool) async throws {
        let provider = try FakeProvider { _ in isLost ? .broken(after: [0x7B], of: 100) : .images(png()) }
        let parts = try Parts(Parts.routes(provider.url))
        let admit = try await client(parts)
        let first = head(parts)
        let retry = try await admit(1, nil)
        #expect(await eventually { parts.jobs.count == 0 })
        parts.reception.sent(retry.jobID, inFull: true, isSuccess: !isLost)
        #expect(try await admit(0, first) == Visit(jobID: retry.jobID, kind: .repeated))
        #expect(provider.calls.count == 1)
        // Its client, which came back as the retry, is not waited for once more.
        parts.reception.sent(retry.jobID, inFull: false, isSuccess: false)
        let other = try await admit(0, nil)
        #expect(other.kind == .started)
        #expect(await eventually { parts.jobs.count == 0 })
        parts.reception.sent(other.jobID, inFull: false, isSuccess: false)
        #expect(try await admit(2, nil) == Visit(jobID: other.jobID, kind: .repeated))
        #expect(provider.calls.count == 2)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a named request that was overtaken by a refused try is found by the next`() async throws {
        let provider = try FakeProvider { call in call.number == 1 ? .failure(400) : .images(png()) }
        let parts = try Parts(Parts.routes(provider.url))
        let (key, _) = try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now)
        let admit = client(parts, key, name: "n")
        let first = head(parts)
        #expect(try await admit(0, nil).kind == .started)
        #expect(await eventually { parts.jobs.count == 0 })
        parts.clock.advance(by: .seconds(1))
        #expect(try await admit(0, first) == Visit(jobID: first, kind: .started))
        #expect(await eventually { parts.jobs.count == 0 })
        #expect(try await admit(0, nil) == Visit(jobID: first, kind: .repeated))
        #expect(provider.calls.count == 2)
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [0, 1, 2])
    @EventLoop func `a request whose retry was refused buys once with whatever retries come`(
        retriesBefore: Int
    ) async throws {
        let mayAnswer = Promise<Void>()
        let provider = try FakeProvider { call in
            guard call.number > 1 else { return .failure(400) }
            _ = await mayAnswer.wait()
            return .images(png())
        }
        let parts = try Parts(Parts.routes(provider.url))
        let admit = try await client(parts)
        let first = head(parts)
        let refused = try await admit(1, nil)
        #expect(await eventually { parts.jobs.count == 0 })
        // Whoever left without the answer is looked for first by the next retry.
        parts.reception.sent(refused.jobID, inFull: false, isSuccess: false)
        var visits: [Visit] = []
        for retry in 0..<retriesBefore { visits.append(try await admit(2 + retry, nil)) }
        visits.append(try await admit(0, first))
        for retry in retriesBefore..<2 { visits.append(try await admit(2 + retry, nil)) }
        #expect(visits.map(\.kind) == [.started, .joined, .joined])
        #expect(Set(visits.map(\.jobID)).count == 1)
        mayAnswer.fulfil(())
        #expect(await eventually { parts.jobs.count == 0 })
        #expect(provider.calls.count == 2)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `each of many equal requests is found by its retry`() async throws {
        let provider = try provider()
        let parts = try Parts(Parts.routes(provider.url))
        let admit = try await client(parts)
        let count = Reception.lookbackLimit + 3
        let first = try await Array(1...count).asyncMap { _ in try await admit(0, nil).jobID }
        #expect(await eventually { parts.jobs.count == 0 })
        for id in first { parts.reception.sent(id, inFull: false, isSuccess: true) }
        let retries = try await first.asyncMap { _ in try await admit(1, nil) }
        #expect(Set(retries) == Set(first.map { Visit(jobID: $0, kind: .repeated) }))
        #expect(provider.calls.count == count)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a job that took more than a day is found by its retry`() async throws {
        let mayAnswer = Promise<Void>()
        let provider = try provider(after: mayAnswer)
        let parts = try Parts(Parts.routes(provider.url))
        let admit = try await client(parts)
        let first = try await admit(0, nil).jobID
        parts.clock.advance(by: Reception.lookback + .seconds(1))
        mayAnswer.fulfil(())
        #expect(await eventually { parts.jobs.count == 0 })
        parts.reception.sent(first, inFull: false, isSuccess: true)
        #expect(try await admit(1, nil) == Visit(jobID: first, kind: .repeated))
        #expect(provider.calls.count == 1)
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [0, 1]) @EventLoop func `another request, and another key, are no retry`(retry: Int) async throws {
        let provider = try provider()
        let parts = try Parts(Parts.routes(provider.url))
        let (key, other) = (try await key(parts), try await key(parts))
        _ = try await ask(parts, key)
        #expect(try await ask(parts, key, prompt: "a seal", retry: retry).fields["easel-replayed"] == nil)
        #expect(try await ask(parts, other, retry: retry).fields["easel-replayed"] == nil)
        #expect(try await ask(parts, key).fields["easel-replayed"] == nil)
        #expect(provider.calls.count == 4)
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [true, false])
    @EventLoop func `equal requests on purpose are answered with different images, and so are their retries`(
        isSeenLeaving: Bool
    ) async throws {
        let mayAnswer = Promise<Void>()
        let provider = try provider(after: mayAnswer)
        let parts = try Parts(Parts.routes(provider.url))
        let client = try await client(parts)
        let admit = { @EventLoop (retry: Int) in try await client(retry, nil).jobID }
        let first = try await [1, 2, 3, 4].asyncMap { _ in try await admit(0) }
        #expect(Set(first).count == 4)
        #expect(await eventually { provider.calls.count == 4 })
        for round in 1...2 {
            if isSeenLeaving {
                for id in first { parts.reception.sent(id, inFull: false, isSuccess: false) }
            }
            let retries = try await [1, 2, 3, 4].asyncMap { _ in try await admit(round) }
            #expect(Set(retries) == Set(first))
            if round == 1 {
                mayAnswer.fulfil(())
                #expect(await eventually { parts.jobs.count == 0 })
            }
        }
        #expect(provider.calls.count == 4)
        await provider.stop()
        await parts.close()
    }
}
