import Crypto
import Files
import Glibc
import LibEvent
import SQLite

@testable import Easel

/// A ledger whose rows survive crashes, whose disk may be full, and each of whose writes may be the last.
///
/// As in the real one, writes happen in the order in which they were asked for.
@EventLoop
final class FakeLedger: JobLedger, JobArchive {
    private let world: World
    private let life: Life
    private var lastDue = Timestamp(microseconds: 0)

    init(_ world: World, _ life: Life) {
        self.world = world
        self.life = life
    }

    func accept(_ job: JobRecord, _ attempt: AttemptRecord?) async throws {
        try await write("accept \(job.state)", job.id) { try $0.accept(job, attempt) }
    }

    func begin(_ attempt: AttemptRecord, after refused: AttemptRecord?) async throws {
        try await write("begin attempt \(attempt.ordinal) at \(attempt.provider)", attempt.jobID) {
            try $0.begin(attempt, after: refused)
        }
    }

    func record(_ attempt: AttemptRecord, state: JobState) async throws {
        try await write("record \(state)", attempt.jobID) { $0.record(attempt, state: state) }
    }

    func keep(_ images: [ImageRecord]) async throws {
        try await write("keep \(images.map(\.position))", images.first?.jobID ?? "") { try $0.keep(images) }
    }

    func finish(_ job: JobRecord, _ attempt: AttemptRecord?, images: [ImageRecord]) async throws {
        try await write("finish \(job.state) \(images.map(\.position))", job.id) {
            try $0.finish(job, attempt, images: images)
        }
    }

    // MARK: What was written before

    func job(_ id: String) async throws -> JobStory? { try await read { $0.stories[id] } }

    func jobs(_ ids: [String]) async throws -> [JobStory] {
        try await read { rows in ids.compactMap { rows.stories[$0] } }
    }

    func job(idempotencyKey: String, keyID: String) async throws -> JobStory? {
        try await read { $0.job(idempotencyKey: idempotencyKey, keyID: keyID) }
    }

    func jobs(fingerprint: Digest, keyID: String, since: Timestamp, limit: Int) async throws -> [JobStory] {
        try await read { $0.jobs(fingerprint: fingerprint, keyID: keyID, since: since, limit: limit) }
    }

    /// Reads on a connection of its own, which sees what was written when it begins.
    private func read<Value>(_ value: (MemoryRows) -> Value) async throws -> Value {
        try await world.scheduler.pass(world.latency(upTo: .milliseconds(10)), in: life)
        let seen = value(world.rows)
        try await world.scheduler.pass(world.latency(upTo: .milliseconds(10)), in: life)
        return seen
    }

    private func write(
        _ what: @autoclosure @escaping () -> String, _ jobID: String,
        _ change: @escaping (inout MemoryRows) throws -> Void
    ) async throws {
        let now = world.now
        lastDue = max(lastDue + .microseconds(1), now + world.latency(upTo: .milliseconds(20)))
        var failure: (any Error)?
        try await world.scheduler.pass(lastDue - now, in: life) { [world] in
            if world.isFull(.ledger) {
                failure = DatabaseError(code: 13, message: "database or disk is full")
            } else {
                world.checkUnfinished(jobID, what())
                do { try change(&world.rows) } catch { failure = error }
                world.checkMoney()
            }
            world.trace("ledger: \(what()) of \(jobID)\(failure == nil ? "" : ": FAILED")")
        }
        if let failure { throw failure }
    }
}

/// A shelf whose images survive crashes and whose disk may be full; small ones are not for it.
@EventLoop
final class FakeShelf: ImageShelf {
    private let world: World
    private let life: Life
    private(set) var pins: [Digest: Int] = [:]

    init(_ world: World, _ life: Life) {
        self.world = world
        self.life = life
    }

    func store(_ file: SpooledFile) async throws(FileError) -> BlobContent {
        let digest = file.digest
        guard !isSmall(digest) else {
            world.taken[digest] = World.Stored(life: life, at: world.now)
            return .bytes([])
        }
        pins[digest, default: 0] += 1
        var isStored = false
        do throws(Interrupted) {
            try await world.scheduler.pass(world.latency(upTo: .milliseconds(50)), in: life) { [world, life] in
                isStored = !world.isFull(.shelf)
                if isStored, world.shelf[digest] == nil {
                    world.shelf[digest] = World.Stored(life: life, at: world.now)
                }
                world.trace("shelf: store \(world.name(of: digest))\(isStored ? "" : ": FAILED")")
            }
        } catch {}
        guard isStored, !life.isOver else {
            release(digest)
            throw FileError(code: ENOSPC, path: "shelf", operation: "write")
        }
        return .file
    }

    /// Every other picture is small enough for the ledger.
    private func isSmall(_ digest: Digest) -> Bool { (digest.bytes.first ?? 0).isMultiple(of: 2) }

    func release(_ digest: Digest) {
        guard let count = pins[digest] else {
            if !life.isOver { world.violate("an image is let go of that nobody holds", "\(world.name(of: digest))") }
            return
        }
        pins[digest] = count > 1 ? count - 1 : nil
    }
}

/// Downloads from the links that the providers of a world gave out.
@EventLoop
final class FakeFetcher: ResultFetcher {
    private let world: World
    private let life: Life

    init(_ world: World, _ life: Life) {
        self.world = world
        self.life = life
    }

    func fetch(_ url: String) async throws(FetchFailure) -> SpooledFile {
        guard let picture = world.pictures[url] else {
            world.violate("a link is followed that nobody gave out", url)
            throw FetchFailure(reason: "no such link", isFinal: true)
        }
        world.checkDownload(url, by: life)
        picture.isAsked(by: life)
        do throws(Interrupted) {
            try await world.scheduler.pass(world.latency(upTo: .seconds(3)), in: life)
        } catch {
            throw FetchFailure(reason: "interrupted", isFinal: false)
        }
        return try picture.download(in: world)
    }
}
