import Crypto
import JSON
import SQLite
import Testing

@testable import Easel

struct LedgerTests {
    private let folder = TemporaryFolder()
    private let clock = ManualClock()

    private func ledger() throws -> Ledger { try Ledger(folder: folder.path, isDurable: false) }

    @Test func `what was written is there when the file is opened again`() async throws {
        let first = try ledger()
        let key = try await first.anyKey()
        try await first.addJob("req_1", key: key, blobs: [.example("otter")])
        await first.close()

        let second = try ledger()
        #expect(try await second.job("req_1")?.images.map(\.blob) == [.example("otter")])
        #expect(try await second.keys().map(\.id) == [key.id])
        await second.close()
    }

    @Test func `a file of the first version is brought up to date with what is in it`() async throws {
        let old = try Database(
            path: "\(folder.path)/easel.sqlite", durability: .relaxed, migrations: Array(Schema.migrations.prefix(1)))
        try await old.write { connection in
            try connection.script(
                """
                INSERT INTO keys (id, name, hash, prefix, created_at) VALUES ('key', 'ci', x'00', 'sk', 1);
                INSERT INTO jobs (id, key_id, operation, model, state, parameters, prompt_characters, input_images,
                    wanted_images, accepted_at, request_bytes)
                VALUES ('req', 'key', 'generate', 'otter', 'done', '{}', 1, 0, 1, 1, 1);
                """)
            for (name, bytes, moments) in [("young", 30, [5, 90]), ("old", 12, [7])] {
                let digest = SHA256.digest(of: Array(name.utf8))
                try connection.run(
                    """
                    INSERT INTO blobs (digest, media_type, bytes, width, height, stored_at)
                    VALUES (?, 'image/png', ?, 1, 1, 5)
                    """, [.blob(digest.bytes), .integer(bytes)])
                for moment in moments {
                    try connection.run(
                        "INSERT INTO images (token, job_id, position, digest, created_at) VALUES (?, 'req', ?, ?, ?)",
                        [.text("\(name)\(moment)"), .integer(moment), .blob(digest.bytes), .integer(moment)])
                }
            }
        }
        await old.close()

        let ledger = try ledger()
        let digests = ["old", "young"].map { SHA256.digest(of: Array($0.utf8)) }
        #expect(try await ledger.number(Ledger.totalOfBlobs) == 42)
        #expect(try await ledger.imagesStored(before: Timestamp(microseconds: 90), limit: 9) == [.file(digests[0])])
        #expect(try await ledger.oldestImages(over: 0, limit: 9) == digests.map(OldImage.file))
        await ledger.close()
    }

    @Test func `jobs of the last day are still known by what they asked for after an upgrade, older ones are not`()
        async throws
    {
        let path = "\(folder.path)/easel.sqlite"
        let old = try Database(path: path, durability: .relaxed, migrations: Array(Schema.migrations.prefix(7)))
        let (now, otter) = (WallClock.system.now, SHA256.digest(of: "an otter"))
        try await old.write { connection in
            try connection.script(
                "INSERT INTO keys (id, name, hash, prefix, created_at) VALUES ('key', 'ci', x'00', '', 1)")
            for hours in [48, 23, 1] {
                let moment = now - .seconds(3600 * hours)
                try connection.run(
                    """
                    INSERT INTO jobs (id, key_id, operation, model, state, parameters, prompt_characters, input_images,
                        wanted_images, accepted_at, request_bytes, fingerprint)
                    VALUES (?, 'key', 'generate', 'otter', 'done', '{}', 1, 0, 1, ?, 1, ?)
                    """, [.text(RequestID.lowest(at: moment)), .timestamp(moment), .blob(otter.bytes)])
            }
        }
        await old.close()

        var upgrades: [String] = []
        let ledger = try Ledger(folder: folder.path, isDurable: false) { upgrades.append($0) }
        #expect(upgrades == Schema.migrations.dropFirst(7).map(\.name))
        let known = try await ledger.jobs(fingerprint: otter, keyID: "key", since: now - .seconds(86_400), limit: 9)
        #expect(known.map(\.job.id) == [1, 23].map { RequestID.lowest(at: now - .seconds(3600 * $0)) })
        #expect(try await ledger.jobs(limit: 9).count == 3)
        await ledger.close()
    }

    @Test func `a job's life is written down step by step`() async throws {
        let ledger = try ledger()
        let key = try await ledger.anyKey()
        var job = JobRecord.example("req_1", key: key.id, count: 2)
        job.report = #"{"n":{"outcome":"applied"}}"#
        var first = AttemptRecord.example("req_1")
        try await ledger.accept(job, first)
        var story = try #require(try await ledger.job("req_1"))
        #expect(story.job.state == .submitted)
        #expect(story.job.report == job.report)
        #expect(story.attempts.map(\.state) == [.submitted])

        (first.state, first.answeredAt, first.upstreamStatus) = (.refused, clock.now + .seconds(1), 429)
        first.failure = #"{"kind":"rate_limit"}"#
        var second = AttemptRecord.example("req_1", 2, provider: "p1")
        try await ledger.begin(second, after: first)
        story = try #require(try await ledger.job("req_1"))
        #expect(story.attempts.map(\.state) == [.refused, .submitted])
        #expect(story.attempts.map(\.provider) == ["p0", "p1"])
        #expect(story.attempts[0].upstreamStatus == 429)
        #expect(story.attempts[0].failure == first.failure)

        second.task = #"[{"id":"t"}]"#
        second.pending = #"["https://x"]"#
        try await ledger.record(second, state: .storing)
        story = try #require(try await ledger.job("req_1"))
        #expect(story.job.state == .storing)
        #expect(story.attempts[1].task == second.task)
        #expect(story.attempts[1].pending == second.pending)

        (second.state, second.answeredAt, second.upstreamID) = (.done, clock.now + .seconds(9), "theirs-7")
        (job.state, job.finishedAt, job.images, job.imageLength) = (.done, clock.now + .seconds(10), 2, 250)
        job.cost = Money(microunits: 50_000)
        let images = [("a", 100, nil as Int64?, nil as String?), ("b", 150, 7, "an otter, at dusk")].enumerated().map {
            ImageRecord(
                token: $1.0, jobID: "req_1", position: $0, blob: .example($1.0, length: $1.1), seed: $1.2,
                revisedPrompt: $1.3, createdAt: clock.now)
        }
        try await ledger.finish(job, second, images: images)
        story = try #require(try await ledger.job("req_1"))
        #expect(story.job.state == .done)
        #expect(story.job.cost == job.cost)
        #expect(story.job.imageLength == 250)
        #expect(story.job.duration == .seconds(10))
        #expect(story.attempts[1].upstreamID == "theirs-7")
        #expect(story.images.map(\.token) == ["a", "b"])
        #expect(story.images.map(\.seed) == [nil, 7])
        #expect(story.images.map(\.revisedPrompt) == [nil, "an otter, at dusk"])
        #expect(story.attempts.map(\.pending) == [nil, nil])
        #expect(try await ledger.image(token: "b")?.blob == .example("b", length: 150))
        #expect(try await ledger.image(token: "c") == nil)
        await ledger.close()
    }

    @Test func `a job that fails keeps its reason, and an unknown cost stays unknown`() async throws {
        let ledger = try ledger()
        let key = try await ledger.anyKey()
        var job = JobRecord.example("req_1", key: key.id)
        var attempt = AttemptRecord.example("req_1")
        try await ledger.accept(job, attempt)
        (job.state, job.error, attempt.state) = (.unknown, #"{"message":"lost"}"#, .unknown)
        try await ledger.finish(job, attempt, images: [])
        let story = try #require(try await ledger.job("req_1"))
        #expect(story.job.state == .unknown)
        #expect(story.job.error == job.error)
        #expect(story.job.cost == nil)
        await ledger.close()
    }

    @Test func `everything that a client was told can be told again`() async throws {
        let ledger = try ledger()
        var job = JobRecord.example("req_1", key: try await ledger.anyKey().id, count: 3)
        (job.idempotencyKey, job.fingerprint) = ("order-7", SHA256.digest(of: "an otter"))
        try await ledger.accept(job, .example("req_1"))
        var stored = try #require(try await ledger.job("req_1")).job
        #expect(stored.idempotencyKey == "order-7")
        #expect(stored.fingerprint == job.fingerprint)
        #expect(stored.missing.isEmpty && stored.usage == nil && stored.errorStatus == nil)

        job.usage = ["total_tokens": 7]
        job.missing = ["the link was dead", "\"水獺\"\n"]
        (job.state, job.error, job.errorStatus) = (.failed, #"{"message":"no"}"#, 502)
        try await ledger.finish(job, nil, images: [])
        stored = try #require(try await ledger.job("req_1")).job
        #expect(stored.usage == job.usage)
        #expect(stored.missing == job.missing)
        #expect(stored.error == job.error)
        #expect(stored.errorStatus == 502)
        #expect(stored.idempotencyKey == "order-7")
        await ledger.close()
    }

    @Test func `a job may be accepted before it has an attempt, and end without one`() async throws {
        let ledger = try ledger()
        let key = try await ledger.anyKey()
        for id in ["req_1", "req_2"] {
            var job = JobRecord.example(id, key: key.id)
            job.state = .accepted
            try await ledger.accept(job, nil)
        }
        #expect(try await ledger.job("req_1")?.job.state == .accepted)
        #expect(try await ledger.job("req_1")?.attempts.isEmpty == true)

        try await ledger.begin(.example("req_1"), after: nil)
        #expect(try await ledger.job("req_1")?.job.state == .submitted)
        #expect(try await ledger.job("req_1")?.attempts.map(\.state) == [.submitted])

        var job = try #require(try await ledger.job("req_2")).job
        (job.state, job.finishedAt, job.cost) = (.cancelled, clock.now, Money(microunits: 0))
        try await ledger.finish(job, nil, images: [])
        let story = try #require(try await ledger.job("req_2"))
        #expect(story.job.state == .cancelled)
        #expect(story.job.cost == Money(microunits: 0))
        #expect(story.attempts.isEmpty)
        await ledger.close()
    }

    @Test func `images that were kept before their job ended stay, once, in their order`() async throws {
        let ledger = try ledger()
        var job = JobRecord.example("req_1", key: try await ledger.anyKey().id, count: 3)
        try await ledger.accept(job, .example("req_1"))
        let late = ImageRecord.example("b", of: "req_1", at: 100)
        let early = ImageRecord.example("a", of: "req_1", at: 1)
        let last = ImageRecord.example("c", of: "req_1", at: 101)
        try await ledger.keep([late])
        try await ledger.keep([early])
        var story = try #require(try await ledger.job("req_1"))
        #expect(story.job.state == .submitted)
        #expect(story.images.map(\.token) == ["a", "b"])

        (job.state, job.images) = (.done, 3)
        try await ledger.finish(job, .example("req_1"), images: [early, late, last])
        story = try #require(try await ledger.job("req_1"))
        #expect(story.images.map(\.token) == ["a", "b", "c"])
        #expect(story.images.map(\.position) == [1, 100, 101])
        #expect(try await ledger.number(Ledger.totalOfBlobs) == 300)
        await ledger.close()
    }

    @Test(arguments: [JobState.done, .failed, .cancelled, .unknown])
    func `a job that has ended is not brought back by what was on its way`(end: JobState) async throws {
        let ledger = try ledger()
        var job = JobRecord.example("req_1", key: try await ledger.anyKey().id)
        var attempt = AttemptRecord.example("req_1")
        try await ledger.accept(job, attempt)
        job.state = end
        try await ledger.finish(job, nil, images: [])
        attempt.task = #"[{"id":"t"}]"#
        try await ledger.record(attempt, state: .storing)
        try await ledger.begin(.example("req_1", 2), after: attempt)
        let story = try #require(try await ledger.job("req_1"))
        #expect(story.job.state == end)
        #expect(story.attempts.map(\.task) == [attempt.task, nil], "what is known is kept all the same")
        await ledger.close()
    }

    @Test func `that a job is to stop is remembered from the first time on, unless it has ended`() async throws {
        let ledger = try ledger()
        let key = try await ledger.anyKey()
        try await ledger.accept(.example("req_1", key: key.id), nil)
        try await ledger.addJob("req_2", key: key)
        let moment = ManualClock().now
        for id in ["req_1", "req_2", "req_3"] {
            try await ledger.stop(id, at: moment)
            try await ledger.stop(id, at: moment + .seconds(1))
        }
        #expect(try await ledger.job("req_1")?.job.stopAskedAt == moment)
        #expect(try await ledger.job("req_2")?.job.stopAskedAt == nil)
        #expect(try await ledger.unfinished().map(\.job.stopAskedAt) == [moment])
        await ledger.close()
    }

    @Test func `unfinished jobs are found with all that is needed to go on`() async throws {
        let ledger = try ledger()
        let key = try await ledger.anyKey()
        for state in [JobState.done, .failed, .cancelled, .unknown] {
            try await ledger.addJob("req_\(state)", key: key, state: state)
        }
        var accepted = JobRecord.example("req_3", key: key.id)
        accepted.state = .accepted
        try await ledger.accept(accepted, nil)
        try await ledger.accept(.example("req_2", key: key.id), .example("req_2"))
        var attempt = AttemptRecord.example("req_1")
        try await ledger.accept(.example("req_1", key: key.id), attempt)
        (attempt.task, attempt.pending) = (#"[{"id":"t"}]"#, #"["https://x"]"#)
        try await ledger.record(attempt, state: .storing)
        try await ledger.keep([.example("a", of: "req_1")])

        let stories = try await ledger.unfinished()
        #expect(stories.map(\.job.id) == ["req_1", "req_2", "req_3"])
        #expect(stories.map(\.job.state) == [.storing, .submitted, .accepted])
        #expect(stories.map(\.attempts.count) == [1, 1, 0])
        #expect(stories[0].attempts[0].task == attempt.task)
        #expect(stories[0].attempts[0].pending == attempt.pending)
        #expect(stories.map { $0.images.map(\.token) } == [["a"], [], []])
        #expect(stories.map(\.keyName) == ["ci", "ci", "ci"])
        await ledger.close()
    }

    @Test func `a repeated request is found by its name or by what it asks for, among its client's own`() async throws {
        let ledger = try ledger()
        let (ana, ben) = (try await ledger.anyKey("ana"), try await ledger.anyKey("ben"))
        let otter = SHA256.digest(of: "an otter")
        let id = { (step: Int) in RequestID.lowest(at: clock.now + .seconds(2400 * step)) + "x" }
        for (step, key, name, fingerprint) in [
            (0, ana, "a", otter), (1, ana, "a", otter), (2, ana, nil, otter), (3, ben, "a", otter),
            (4, ana, "b", SHA256.digest(of: "a seal")), (5, ana, nil, nil),
        ] {
            var job = JobRecord.example(id(step), key: key.id, at: clock.now + .seconds(2400 * step))
            (job.idempotencyKey, job.fingerprint) = (name, fingerprint)
            try await ledger.accept(job, .example(job.id))
        }
        let named = { (name: String) in try await ledger.job(idempotencyKey: name, keyID: ana.id)?.job.id }
        #expect(try await named("a") == id(1))
        #expect(try await named("b") == id(4))
        #expect(try await named("") == nil)

        let alike = { (step: Int, limit: Int) in
            try await ledger.jobs(
                fingerprint: otter, keyID: ana.id, since: clock.now + .seconds(2400 * step), limit: limit
            ).map(\.job.id)
        }
        #expect(try await alike(0, 9) == [id(2), id(1), id(0)])
        #expect(try await alike(0, 2) == [id(2), id(1)])
        #expect(try await alike(1, 9) == [id(2), id(1)])
        #expect(try await alike(3, 9).isEmpty)
        #expect(
            try await ledger.jobs(fingerprint: otter, keyID: ben.id, since: clock.now, limit: 9).map(\.attempts.count)
                == [1])
        await ledger.close()
    }

    @Test func `the end of a job is written whole or not at all`() async throws {
        let ledger = try ledger()
        let key = try await ledger.anyKey()
        var job = JobRecord.example("req_1", key: key.id)
        let attempt = AttemptRecord.example("req_1")
        try await ledger.accept(job, attempt)
        let good = ImageRecord.example("a", of: "req_1")
        let bad = ImageRecord.example("b", of: "req_unknown")
        job.state = .done
        await #expect(throws: DatabaseError.self) {
            try await ledger.finish(job, attempt, images: [good, bad])
        }
        let story = try #require(try await ledger.job("req_1"))
        #expect(story.job.state == .submitted)
        #expect(story.images.isEmpty)
        #expect(try await ledger.number(Ledger.totalOfBlobs) == 0)
        await ledger.close()
    }

    @Test func `jobs are listed newest first`() async throws {
        let ledger = try ledger()
        let key = try await ledger.anyKey()
        for minute in 0..<5 {
            let moment = clock.now + .seconds(60 * minute)
            try await ledger.addJob(RequestID.lowest(at: moment), key: key, at: moment)
        }
        let accepted = try await ledger.jobs(limit: 3).map(\.acceptedAt)
        #expect(accepted == [4, 3, 2].map { clock.now + .seconds(60 * $0) })
        await ledger.close()
    }
}

extension Array {
    func asyncMap<Value>(_ transform: (Element) async throws -> Value) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
