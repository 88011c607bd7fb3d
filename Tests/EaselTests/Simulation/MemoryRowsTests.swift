import Crypto
import JSON
import LibEvent
import Support
import Testing

@testable import Easel

/// The simulation is worth as much as its ledger in memory is like the real one.
@Suite(.onEventLoop)
struct MemoryRowsTests {
    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    @EventLoop func `rows in memory and rows in SQLite tell the same after every write`(seed: UInt64) async throws {
        let (folder, dice) = (TemporaryFolder(), Dice(seed: seed))
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        var limits = KeyLimits()
        limits.budget = try #require(Budget("0.000009/day,0.000012/month,0.00002/total"))
        let now = ManualClock().now
        let key = try await ledger.createKey(name: "ci", models: nil, limits: limits, at: now).record
        var rows = MemoryRows()
        rows.budgets[key.id] = limits.budget
        for _ in 0..<200 {
            let write = write(dice, key.id)
            let wasRefused = await Self.fails { try await write.real(ledger) }
            #expect(Self.failsInMemory { try write.inMemory(&rows) } == wasRefused, "\(write.name)")
            for id in Self.ids {
                var story = try await ledger.job(id)
                story?.keyName = ""
                #expect(story.map { "\($0)" } == rows.stories[id].map { "\($0)" }, "\(write.name)")
            }
            for (period, spending) in try await ledger.spending(of: key.id, at: now) {
                #expect(rows.spending(of: key.id, in: period, on: Day(of: now)) == spending, "\(write.name)")
            }
            #expect(try await ledger.unfinished().map(\.job.id) == rows.unfinished.map(\.job.id))
            let (start, digest) = (Timestamp(microseconds: 0), SHA256.digest(of: "otter"))
            let named = try await ledger.job(idempotencyKey: "again", keyID: key.id)
            #expect(named?.job.id == rows.job(idempotencyKey: "again", keyID: key.id)?.job.id)
            let equal = try await ledger.jobs(fingerprint: digest, keyID: key.id, since: start, limit: 2)
            let equalInMemory = rows.jobs(fingerprint: digest, keyID: key.id, since: start, limit: 2)
            #expect(equal.map(\.job.id) == equalInMemory.map(\.job.id))
        }
        await ledger.close()
    }

    /// One write, to be done in both places.
    private struct Write {
        var name: String
        var real: @Sendable (any JobLedger) async throws -> Void
        var inMemory: (inout MemoryRows) throws -> Void
    }

    private static let ids = ["req_1", "req_2", "req_3"]

    @EventLoop private func write(_ dice: Dice, _ keyID: String) -> Write {
        let (job, attempt, images) = (job(dice, keyID), attempt(dice), images(dice))
        let other = dice.chance(0.5) ? attempt : nil
        let state = dice.pick([JobState.accepted, .submitted, .storing])
        switch dice.number(0...4) {
        case 0:
            let first = other?.jobID == job.id ? other : nil
            return Write(name: "accept") {
                try await $0.accept(job, first)
            } inMemory: {
                try $0.accept(job, first)
            }
        case 1:
            var refused = attempt
            refused.ordinal -= 1
            refused.state = .refused
            let before = other.map { _ in refused }
            return Write(name: "begin") {
                try await $0.begin(attempt, after: before)
            } inMemory: {
                try $0.begin(attempt, after: before)
            }
        case 2:
            return Write(name: "record") {
                try await $0.record(attempt, state: state)
            } inMemory: {
                $0.record(attempt, state: state)
            }
        case 3:
            return Write(name: "keep") {
                try await $0.keep(images)
            } inMemory: {
                try $0.keep(images)
            }
        default:
            return Write(name: "finish") {
                try await $0.finish(job, other, images: images)
            } inMemory: {
                try $0.finish(job, other, images: images)
            }
        }
    }

    @EventLoop private func job(_ dice: Dice, _ keyID: String) -> JobRecord {
        var job = JobRecord.example(dice.pick(Self.ids), key: keyID, count: dice.number(1...4))
        job.state = dice.pick(JobState.allCases)
        job.finishedAt = dice.chance(0.5) ? ManualClock().now : nil
        job.idempotencyKey = dice.chance(0.5) ? "again" : nil
        job.fingerprint = dice.chance(0.5) ? SHA256.digest(of: "otter") : nil
        (job.images, job.imageLength) = (dice.number(0...4), dice.number(0...400))
        job.cost = dice.chance(0.5) ? Money(microunits: Int64(dice.number(0...9))) : nil
        job.reserved = dice.chance(0.5) ? Money(microunits: Int64(dice.number(0...9))) : nil
        job.report = dice.chance(0.5) ? #"{"n":1}"# : nil
        job.usage = dice.chance(0.5) ? ["tokens": 1] : nil
        job.missing = dice.chance(0.5) ? ["the dog", #"ate "it""#] : []
        (job.error, job.errorStatus) = dice.chance(0.5) ? (#"{"code":"no"}"#, 502) : (nil, nil)
        return job
    }

    @EventLoop private func attempt(_ dice: Dice) -> AttemptRecord {
        var attempt = AttemptRecord.example(dice.pick(Self.ids), dice.number(1...3), provider: dice.pick(["p0", "p1"]))
        attempt.state = dice.pick([.submitted, .done, .refused, .failed, .unknown])
        attempt.answeredAt = dice.chance(0.5) ? ManualClock().now : nil
        attempt.upstreamStatus = dice.chance(0.5) ? 200 : nil
        attempt.upstreamID = dice.chance(0.5) ? "theirs" : nil
        attempt.task = dice.chance(0.5) ? "[null]" : nil
        attempt.pending = dice.chance(0.5) ? "[[]]" : nil
        attempt.failure = dice.chance(0.5) ? "{}" : nil
        return attempt
    }

    @EventLoop private func images(_ dice: Dice) -> [ImageRecord] {
        let jobID = dice.pick(Self.ids)
        return (0..<dice.number(0...2)).map { _ in
            // Few names, so that some come twice: with another job, another place, another length.
            var image = ImageRecord.example(dice.pick(["a", "b", "c", "d", "e", "f"]), of: jobID)
            image.token += "-\(image.jobID)\(dice.number(0...1))"
            image.position = Int(dice.next() >> 33)
            image.blob.length = dice.number(1...9)
            // A token is in one place only.
            if image.token.utf8.last.map({ $0.isMultiple(of: 2) }) ?? false {
                image.blob.content = .bytes(Array(repeating: 7, count: image.blob.length))
            }
            return image
        }
    }

    @EventLoop private static func fails(_ body: () async throws -> Void) async -> Bool {
        do { try await body() } catch { return true }
        return false
    }

    private static func failsInMemory(_ body: () throws -> Void) -> Bool {
        do { try body() } catch { return true }
        return false
    }
}
