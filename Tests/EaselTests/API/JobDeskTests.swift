import HTTP
import HTTPServer
import JSON
import LibEvent
import Support
import Testing

@testable import Easel

/// What clients hear of jobs that they do not simply wait for.
@Suite(.onEventLoop)
struct JobDeskTests {
    private static let order = Array(#"{"model": "otter", "prompt": "an otter"}"#.utf8)

    /// A provider that answers once it may.
    @EventLoop private func provider(after mayAnswer: Promise<Void>) throws -> FakeProvider {
        try FakeProvider { _ in
            _ = await mayAnswer.wait()
            return .images(png())
        }
    }

    @EventLoop private func key(_ parts: Parts) async throws -> Secret {
        try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now).key
    }

    @EventLoop private func ask(
        _ parts: Parts, _ key: Secret, _ fields: Fields = [:], presence: Presence = Presence()
    ) async throws -> Response {
        try await parts.send(
            .post, "/v1/images/generations", key: key, fields: fields, body: Self.order, presence: presence)
    }

    // MARK: Waiting

    @Test(arguments: ["respond-async", "Respond-Async, wait=0", "respond-async, wait=20"])
    @EventLoop func `a client that will not wait is told where to ask`(preference: String) async throws {
        let mayAnswer = Promise<Void>()
        let provider = try provider(after: mayAnswer)
        let parts = try Parts(Parts.routes(provider.url), clock: ManualClock(alarmsRing: true))
        let key = try await key(parts)
        let response = try await ask(parts, key, ["prefer": preference])
        let id = try #require(response.fields["x-request-id"])
        #expect(response.status == .accepted)
        #expect(response.fields["location"] == "/v1/images/jobs/\(id)")
        #expect(response.fields["retry-after"] == "2")
        #expect(response.fields["preference-applied"] == preference.lowercased())
        #expect(response.fields["cache-control"] == "no-store")
        let json = try await response.json()
        #expect(json["id"]?.string == id)
        #expect(json["object"] == "image.job")
        #expect(["accepted", "submitted"].contains(json["state"]?.string))
        #expect(try await parts.ledger.job(id) != nil)

        #expect(await eventually { provider.calls.count == 1 })
        #expect(try await parts.send(.get, "/v1/images/jobs/\(id)", key: key).status == .accepted)
        mayAnswer.fulfil(())
        #expect(await eventually { parts.jobs.count == 0 })
        let done = try await parts.send(.get, "/v1/images/jobs/\(id)", key: key)
        #expect(done.status == .ok)
        #expect(done.fields["retry-after"] == nil)
        #expect(try await done.json()["data"]?.array?.count == 1)
        #expect(provider.calls.count == 1)
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [nil, "respond-async, wait=600", "wait=600"])
    @EventLoop func `a client that waits long enough gets its images`(preference: String?) async throws {
        let provider = try FakeProvider { _ in .images(png()) }
        let parts = try Parts(Parts.routes(provider.url) + "\nanswer_within: 90s")
        var fields: Fields = [:]
        fields["prefer"] = preference
        let response = try await ask(parts, try await key(parts), fields)
        #expect(response.status == .ok)
        #expect(response.fields["preference-applied"] == preference.map { _ in "wait=600" })
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: ["answer_within: 90s", "answer_within: off"])
    @EventLoop func `the owner may limit how long a client waits`(setting: String) async throws {
        let mayAnswer = Promise<Void>()
        let provider = try provider(after: mayAnswer)
        let parts = try Parts(
            Parts.routes(provider.url) + "\n\(setting)", clock: ManualClock(alarmsRing: !setting.hasSuffix("off")))
        let key = try await key(parts)
        let client = EventLoop.spawn { try await ask(parts, key) }
        #expect(await eventually { provider.calls.count == 1 })
        if setting.hasSuffix("off") { mayAnswer.fulfil(()) }
        let response = try await client.value
        #expect(response.status == (setting.hasSuffix("off") ? .ok : .accepted))
        #expect(response.fields["preference-applied"] == nil)
        mayAnswer.fulfil(())
        #expect(await eventually { parts.jobs.count == 0 })
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a request that makes no sense fails at once for those too who will not wait`() async throws {
        let parts = try Parts()
        let response = try await parts.send(
            .post, "/v1/images/generations", key: try await key(parts), fields: ["prefer": "respond-async"],
            body: Array(#"{"prompt": "an otter", "model": "beaver"}"#.utf8))
        #expect(response.status == .notFound)
        await parts.close()
    }

    @Test @EventLoop func `a job without a row is known to its own key alone`() async throws {
        let mayAnswer = Promise<Void>()
        let somewhere = try FakeProvider { _ in
            _ = await mayAnswer.wait()
            return .picture(png())
        }
        let parts = try Parts(Parts.sandbox + "\nallow_private: [127.0.0.0/8]")
        let (key, other) = (try await key(parts), try await key(parts))
        let client = EventLoop.spawn {
            try await parts.send(
                .post, "/v1/images/edits", key: key,
                body: Array(#"{"prompt": "an otter", "image": "\#(somewhere.url)/a.png"}"#.utf8))
        }
        #expect(await eventually { somewhere.calls.count == 1 })
        client.cancel()
        let path = "/v1/images/jobs/\(try await client.value.fields["x-request-id"] ?? "")"
        let job = try await parts.send(.get, path, key: key)
        #expect(job.status == .accepted)
        #expect(try await job.json()["state"] == "accepted")
        #expect(try await parts.ledger.jobs(limit: 9).isEmpty)
        for method in [HTTP.Method.get, .delete] {
            #expect(try await parts.send(method, path, key: other).status == .notFound)
        }
        mayAnswer.fulfil(())
        #expect(await eventually { parts.jobs.count == 0 })
        await somewhere.stop()
        await parts.close()
    }

    // MARK: Stopping

    @Test @EventLoop func `a job that waits for its turn is stopped, and costs nothing`() async throws {
        let mayAnswer = Promise<Void>()
        let provider = try provider(after: mayAnswer)
        let text = Parts.routes(provider.url).replacing("timeout: 60s", with: "timeout: 60s, concurrency: 1")
        let parts = try Parts(text)
        let key = try await key(parts)
        let first = EventLoop.spawn { try await ask(parts, key) }
        #expect(await eventually { provider.calls.count == 1 })
        let accepted = try await ask(parts, key, ["prefer": "respond-async"])
        let id = try #require(accepted.fields["x-request-id"])
        let second = EventLoop.spawn { try await ask(parts, key, ["x-stainless-retry-count": "1"]) }
        for _ in 1...2 {
            let answer = try await parts.send(.delete, "/v1/images/jobs/\(id)", key: key)
            #expect(answer.status == .ok)
            let json = try await answer.json()
            #expect(json["cancelled"] == true)
            #expect(json["state"] == "cancelled")
            #expect(json["easel"]?["cost"]?.number == 0)
            #expect(json["easel"]?["cancellation"]?["in_time"] == true)
            #expect(json["error"]?["code"] == "job_cancelled")
        }
        mayAnswer.fulfil(())
        #expect(try await first.value.status == .ok)
        _ = try await second.value
        #expect(provider.calls.count == 1)
        await provider.stop()
        await parts.close()
    }

    /// How a provider answers a request to stop a task, and the state of the task afterwards.
    @Test(
        arguments: [
            (.ok, "stopped", true, .cancelled, "is not known"), (.conflict, "busy", false, .submitted, "had finished"),
            (.forbidden, "busy", false, .submitted, "The provider refused"),
        ] as [(Status, String, Bool, JobState, String)])
    @EventLoop func `a queued job is stopped at the provider if that can`(
        status: Status, state: String, isInTime: Bool, jobState: JobState, words: String
    ) async throws {
        let (stop, mayFinish) = (Promise<Void>(), Promise<Void>())
        let provider = try FakeProvider { call in
            switch (call.request.method, call.path) {
            case (.post, _): return .json(["id": "7"])
            case (.delete, _):
                stop.fulfil(())
                return Response(status)
            case (_, "/queue/7/result"): return .images(png())
            default:
                try? await EventLoop.sleep(for: .milliseconds(2))
                let now = mayFinish.value != nil ? "ready" : stop.value != nil ? state : "busy"
                return .json(["state": .string(now)])
            }
        }
        let parts = try Parts(Parts.routes(provider.url, dialect: "queue"))
        let key = try await key(parts)
        let id = try await ask(parts, key, ["prefer": "respond-async"]).fields["x-request-id"] ?? ""
        #expect(await eventually { provider.calls.count > 2 })
        let answer = try await parts.send(.delete, "/v1/images/jobs/\(id)", key: key)
        #expect(answer.status == .ok)
        let json = try await answer.json()
        #expect(json["cancelled"] == .bool(isInTime))
        #expect(json["state"]?.string == jobState.rawValue)
        #expect(json["easel"]?["cost"] == .null)
        #expect(json["easel"]?["cancellation"]?["message"]?.string?.contains(words) == true)
        mayFinish.fulfil(())
        #expect(await eventually { parts.jobs.count == 0 })
        #expect(try await parts.ledger.job(id)?.job.state == (isInTime ? .cancelled : .done))
        #expect(provider.calls.count { $0.request.method == .delete } == 1)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `nobody is kept waiting for a job that the gateway leaves`() async throws {
        let mayAnswer = Promise<Void>()
        let provider = try provider(after: mayAnswer)
        let parts = try Parts(Parts.routes(provider.url))
        let key = try await key(parts)
        let first = EventLoop.spawn { try await ask(parts, key, ["idempotency-key": "n"]) }
        #expect(await eventually { provider.calls.count == 1 })
        parts.jobs.park()
        #expect(try await first.value.status == .serviceUnavailable)
        // Whoever joins it now is not kept waiting, either.
        #expect(try await ask(parts, key, ["idempotency-key": "n"]).status == .serviceUnavailable)
        let patient = ["prefer": "wait=600", "idempotency-key": "n"] as Fields
        #expect(try await ask(parts, key, patient).status == .accepted)
        mayAnswer.fulfil(())
        #expect(await eventually { parts.jobs.count == 0 })
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a call that is under way goes on, and its images are kept`() async throws {
        let mayAnswer = Promise<Void>()
        let provider = try provider(after: mayAnswer)
        let parts = try Parts(Parts.routes(provider.url), clock: ManualClock(alarmsRing: true))
        let key = try await key(parts)
        let id = try await ask(parts, key, ["prefer": "respond-async"]).fields["x-request-id"] ?? ""
        #expect(await eventually { provider.calls.count == 1 })
        let early = try await parts.send(.delete, "/v1/images/jobs/\(id)", key: key)
        #expect(early.status == .ok)
        let json = try await early.json()
        #expect(json["cancelled"] == false)
        #expect(json["state"] == "submitted")
        #expect(json["easel"]?["cancellation"]?["in_time"] == false)
        mayAnswer.fulfil(())
        #expect(await eventually { parts.jobs.count == 0 })
        let late = try await parts.send(.delete, "/v1/images/jobs/\(id)", key: key)
        #expect(late.status == .ok)
        #expect(try await late.json()["cancelled"] == false)
        #expect(try await parts.ledger.job(id)?.job.state == .done)
        #expect(try await parts.ledger.job(id)?.images.count == 1)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a job can be asked about and stopped, and nothing else`() async throws {
        let parts = try Parts()
        let key = try await key(parts)
        let wrong = try await parts.send(.post, "/v1/images/jobs/req_1", key: key)
        #expect(wrong.status == .methodNotAllowed)
        #expect(wrong.fields["allow"] == "GET, HEAD, DELETE, OPTIONS")
        for method in [HTTP.Method.get, .head, .delete] {
            #expect(try await parts.send(method, "/v1/images/jobs/req_1", key: key).status == .notFound)
            #expect(try await parts.send(method, "/v1/images/jobs/req_1").status == .unauthorized)
        }
        await parts.close()
    }

    /// What the state of a job, and what is known beside it, say of a request to stop it.
    @Test(
        arguments: [
            (JobState.cancelled, "", true, "before anything was bought"), (.cancelled, "over", true, "before anything"),
            (.done, "", false, "ended before it could be stopped. Its images are kept"),
            (.done, "over", false, "had ended before. Its images are kept"),
            (.done, "refused", false, "The provider cannot. Its images are kept"),
            (.failed, "", false, "Nothing was bought"), (.unknown, "", false, "is not known"),
            (.storing, "", false, "The provider has finished"), (.submitted, "call", false, "cannot be taken back"),
            (.submitted, "refused", false, "The provider cannot. The job goes on"),
            (.submitted, "", nil, "told to stop"),
            (.accepted, "", nil, "told to stop"),
        ] as [(JobState, String, Bool?, String)])
    func `whether it was in time is told truthfully`(
        state: JobState, known: String, isInTime: Bool?, words: String
    ) {
        var record = JobRecord.example("req_1", key: "key")
        record.state = state
        let answer = CancelAnswer(
            JobStory(job: record, keyName: "", attempts: [], images: []),
            refusal: known == "refused" ? "The provider cannot." : nil, isCallUnderWay: known == "call",
            wasOver: known == "over")
        #expect(answer.isInTime == isInTime)
        #expect(answer.message.contains(words), "\(answer.message)")
        let response = answer.response(JobStory(job: record, keyName: "", attempts: [], images: []), Configuration())
        #expect(response.status == (isInTime == nil ? .accepted : .ok))
        #expect((response.fields["retry-after"] == nil) == (isInTime != nil))
    }

    // MARK: Clients that leave

    @Test(arguments: ["finish", "cancel"])
    @EventLoop func `a job whose last client leaves ends as the owner says`(policy: String) async throws {
        let mayAnswer = Promise<Void>()
        let provider = try provider(after: mayAnswer)
        let text = Parts.routes(provider.url).replacing("timeout: 60s", with: "timeout: 60s, concurrency: 1")
        let parts = try Parts(text.replacing("  otter:", with: "  otter:\n    on_disconnect: \(policy)"))
        let (record, key) = try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now)
        let first = EventLoop.spawn { try await ask(parts, key) }
        #expect(await eventually { provider.calls.count == 1 })
        let presences = [Presence(), Presence()]
        let clients = presences.map { presence in
            EventLoop.spawn { try await ask(parts, key, ["idempotency-key": "n"], presence: presence) }
        }
        let promised = try await ask(parts, key, ["prefer": "respond-async"], presence: presences[0])
        #expect(promised.status == .accepted)
        let name = Jobs.Name(keyID: record.id, idempotencyKey: "n")
        #expect(await eventually { parts.jobs.job(named: name)?.clients == (policy == "cancel" ? 2 : 0) })
        #expect(parts.jobs.count == 3)
        presences[0].end()
        try await EventLoop.sleep(for: .milliseconds(20))
        #expect(parts.jobs.count == 3)
        presences[1].end()
        #expect(await eventually { parts.jobs.count == (policy == "cancel" ? 2 : 3) })
        mayAnswer.fulfil(())
        for client in clients {
            #expect(try await client.value.status == (policy == "cancel" ? .conflict : .ok))
        }
        #expect(try await first.value.status == .ok)
        #expect(await eventually { parts.jobs.count == 0 })
        #expect(provider.calls.count == (policy == "cancel" ? 2 : 3))
        await provider.stop()
        await parts.close()
    }
}
