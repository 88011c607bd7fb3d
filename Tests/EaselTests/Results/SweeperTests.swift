import Crypto
import Files
import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop)
struct SweeperTests {
    /// Stores pictures by name, as a job of this moment.
    @EventLoop private func store(_ names: [String], in parts: Parts, length: Int = BlobContent.fileLength) async throws
    {
        let key = try await parts.ledger.anyKey()
        var stored: [BlobRecord] = []
        for name in names {
            let image = ResultImage(payload: .base64(base64(png(filler: name, length: length))))
            stored.append(
                try await parts.results.keep(
                    image, of: [], jobID: "req", until: parts.clock.now + Results.defaultExpiry))
        }
        try await parts.ledger.addJob(
            RequestID.make(at: parts.clock.now), key: key, blobs: stored, at: parts.clock.now)
        for blob in stored { parts.blobs.release(blob.digest) }
    }

    /// Which pictures of these names have both their file and a link, or a row in the ledger.
    @EventLoop private func remaining(
        _ names: [String], in parts: Parts, length: Int = BlobContent.fileLength
    ) async throws -> [String] {
        let files = Set(parts.folder.allFiles)
        let linked = try await Set(
            parts.ledger.imagesStored(before: parts.clock.now + .seconds(1), limit: 10_000))
        let rows = try await parts.ledger.smallImages(after: 0, withContent: false, limit: 10_000).map(\.digest)
        return names.filter { name in
            let digest = SHA256.digest(of: png(filler: name, length: length))
            let hasFile = files.contains(parts.blobs.path(of: digest))
            #expect(hasFile == linked.contains(.file(digest)))
            return hasFile || rows.contains(digest)
        }
    }

    private static func day(_ count: Int) -> Duration { .seconds(86_400 * count) }

    @Test @EventLoop func `images go when their time is over, and those in use stay`() async throws {
        let parts = try Parts(Parts.sandbox + "\nresults: {keep: 30d}")
        try await store(["a", "shared"], in: parts)
        parts.clock.advance(by: Self.day(20))
        try await store(["b", "shared"], in: parts)
        parts.clock.advance(by: Self.day(10))
        await parts.sweeper.sweep()
        #expect(try await remaining(["a", "b", "shared"], in: parts) == ["a", "b", "shared"])
        parts.clock.advance(by: .seconds(1))
        await parts.sweeper.sweep()
        #expect(try await remaining(["a", "b", "shared"], in: parts) == ["b", "shared"])
        #expect(try await parts.ledger.number("SELECT count(*) FROM images") == 3)
        parts.clock.advance(by: Self.day(20))
        await parts.sweeper.sweep()
        #expect(try await remaining(["a", "b", "shared"], in: parts).isEmpty)
        #expect(try await parts.ledger.jobs(limit: 9).map(\.images) == [2, 2])
        #expect(parts.lines.text.contains("message=\"swept images\" images=1"))
        await parts.close()
    }

    @Test @EventLoop func `images in the ledger go, too, each for itself`() async throws {
        let parts = try Parts(Parts.sandbox + "\nresults: {keep: 30d}")
        let names = (0..<(Sweeper.stepLength + 10)).map { "\($0)" }
        try await store(names, in: parts, length: 100)
        parts.clock.advance(by: Self.day(20))
        try await store(["0", "large"], in: parts, length: 100)
        parts.clock.advance(by: Self.day(11))
        await parts.sweeper.sweep()
        #expect(try await remaining(names, in: parts, length: 100) == ["0"])
        #expect(try await parts.ledger.number("SELECT count(*) FROM small_images") == 2)
        #expect(parts.lines.text.contains("message=\"swept images\" images=\(names.count)"))
        parts.clock.advance(by: Self.day(20))
        await parts.sweeper.sweep()
        #expect(try await parts.ledger.number(Ledger.totalOfBlobs) == 0)
        await parts.close()
    }

    @Test @EventLoop func `of images in files and in the ledger the oldest go first`() async throws {
        let parts = try Parts(Parts.sandbox + "\nresults: {keep: forever, max_disk: 31500}")
        for (name, length) in [("a", 2000), ("b", BlobContent.fileLength), ("c", 2000), ("d", 3000)] {
            try await store([name], in: parts, length: length)
            parts.clock.advance(by: .seconds(1))
        }
        await parts.sweeper.sweep()
        #expect(try await remaining(["a", "c"], in: parts, length: 2000) == ["c"])
        #expect(try await remaining(["b"], in: parts) == ["b"])
        #expect(try await remaining(["d"], in: parts, length: 3000) == ["d"])
        await parts.close()
    }

    @Test @EventLoop func `the oldest images go when all take more room than they may`() async throws {
        let parts = try Parts(Parts.sandbox + "\nresults: {keep: forever, max_disk: 80000}")
        for name in ["a", "b", "c", "a", "d"] {
            try await store([name], in: parts)
            parts.clock.advance(by: .seconds(1))
        }
        await parts.sweeper.sweep()
        #expect(try await remaining(["a", "b", "c", "d"], in: parts) == ["a", "c", "d"])
        await parts.sweeper.sweep()
        #expect(try await remaining(["a", "b", "c", "d"], in: parts) == ["a", "c", "d"])
        await parts.close()
    }

    @Test @EventLoop func `without bounds nothing goes`() async throws {
        let parts = try Parts(Parts.sandbox + "\nresults: {keep: forever, max_disk: unlimited}")
        try await store(["a"], in: parts)
        parts.clock.advance(by: Self.day(10_000))
        await parts.sweeper.sweep()
        #expect(try await remaining(["a"], in: parts) == ["a"])
        await parts.close()
    }

    @Test @EventLoop func `an image that a job is storing again is not swept`() async throws {
        let parts = try Parts(Parts.sandbox + "\nresults: {keep: 30d}")
        try await store(["a", "b"], in: parts)
        parts.clock.advance(by: Self.day(40))
        let image = ResultImage(payload: .base64(base64(png(filler: "a", length: BlobContent.fileLength))))
        let blob = try await parts.results.keep(
            image, of: [], jobID: "req", until: parts.clock.now + Results.defaultExpiry)
        await parts.sweeper.sweep()
        #expect(try await remaining(["a", "b"], in: parts) == ["a"])
        parts.blobs.release(blob.digest)
        await parts.sweeper.sweep()
        #expect(try await remaining(["a", "b"], in: parts).isEmpty)
        await parts.close()
    }

    @Test @EventLoop func `a sweep goes on for as many steps as it takes, past what is missing on disk`() async throws {
        let parts = try Parts(Parts.sandbox + "\nresults: {keep: 30d}")
        let names = (0..<5).map { "\($0)" }
        try await store(names, in: parts, length: 50)
        let key = try await parts.ledger.anyKey()
        let missing = (0..<(Sweeper.stepLength + 10)).map { BlobRecord.example("\($0)") }
        try await parts.ledger.addJob("req_0", key: key, blobs: missing, at: parts.clock.now - .seconds(1))
        parts.clock.advance(by: Self.day(31))
        await parts.sweeper.sweep()
        #expect(try await remaining(names, in: parts, length: 50).isEmpty)
        #expect(try await parts.ledger.number("SELECT count(*) FROM blobs") == 0)
        #expect(try await parts.ledger.number(Ledger.totalOfBlobs) == 0)
        await parts.close()
    }

    /// Parts by a clock that goes with the files', and as if they had just been started.
    @EventLoop private func restarted() throws -> Parts {
        try Parts(clock: ManualClock(at: WallClock.system.now + .seconds(5)))
    }

    /// Puts an image into place as a run that crashed right afterwards.
    @EventLoop private func leave(_ name: String, in parts: Parts) async throws -> Digest {
        let file = try await parts.spool.receiveFile(
            then: ListedPieces([png(filler: name, length: BlobContent.fileLength)]), limit: 1 << 20)
        _ = try await parts.blobs.store(file)
        parts.blobs.release(file.digest)
        return file.digest
    }

    @Test @EventLoop func `images of an earlier run that no row names are deleted`() async throws {
        let parts = try restarted()
        try await store(["a", "b"], in: parts)
        for name in ["c", "d", "e"] { _ = try await leave(name, in: parts) }
        let stray = "\(parts.blobs.paths.directory(7).path)/README"
        try parts.folder.write([1], to: String(stray.dropFirst(parts.folder.path.count + 1)))
        await parts.sweeper.deleteOrphans()
        let rest = parts.folder.allFiles.filter { $0.contains("/blobs/") }
        let kept = ["a", "b"].map {
            parts.blobs.path(of: SHA256.digest(of: png(filler: $0, length: BlobContent.fileLength)))
        }
        #expect(Set(rest) == Set(kept + [stray]), "what is no image is none of its business")
        #expect(parts.lines.text.contains("message=\"deleted orphaned images\" images=3 bytes="))
        await parts.close()
    }

    @Test @EventLoop func `an image of this run is left to its job`() async throws {
        let parts = try Parts(clock: ManualClock(at: WallClock.system.now - .seconds(5)))
        let digest = try await leave("a", in: parts)
        await parts.sweeper.deleteOrphans()
        #expect(parts.folder.allFiles.contains(parts.blobs.path(of: digest)))
        #expect(parts.lines.all.isEmpty)
        await parts.close()
    }

    @Test @EventLoop func `an old orphan that a job stores again stays, and is written down`() async throws {
        let parts = try restarted()
        let digest = try await leave("a", in: parts)
        let image = ResultImage(payload: .base64(base64(png(filler: "a", length: BlobContent.fileLength))))
        let blob = try await parts.results.keep(
            image, of: [], jobID: "req", until: parts.clock.now + Results.defaultExpiry)
        await parts.sweeper.deleteOrphans()
        #expect(parts.folder.allFiles.contains(parts.blobs.path(of: digest)), "a job holds it")
        let key = try await parts.ledger.anyKey()
        try await parts.ledger.addJob("req_1", key: key, blobs: [blob])
        parts.blobs.release(digest)
        await parts.sweeper.deleteOrphans()
        #expect(parts.folder.allFiles.contains(parts.blobs.path(of: digest)), "a row names it")
        await parts.close()
    }

    @Test @EventLoop func `orphans are looked for slowly, and not on after the end`() async throws {
        let parts = try restarted()
        let start = parts.clock.now
        await parts.sweeper.deleteOrphans()
        #expect(parts.clock.now - start >= Sweeper.rest * 256)
        let digest = try await leave("a", in: parts)
        await parts.close()
        await parts.sweeper.deleteOrphans()
        #expect(parts.folder.allFiles.contains(parts.blobs.path(of: digest)), "nobody can say that no row names it")
        #expect(parts.lines.text.contains("looking for orphaned images failed"))
    }

    @Test @EventLoop func `it sweeps every minute until it is told to stop`() async throws {
        let parts = try Parts(Parts.sandbox + "\nresults: {keep: 5m}")
        try await store(["a"], in: parts)
        let start = parts.clock.now
        let sweeping = EventLoop.spawn { await parts.sweeper.run() }
        #expect(await eventually { !parts.folder.allFiles.contains { $0.contains("/blobs/") } })
        sweeping.cancel()
        _ = await sweeping.result
        #expect(parts.clock.now - start >= .seconds(300))
        await parts.close()
    }

    @Test @EventLoop func `once it is told to stop it asks no ledger that is closed by then`() async throws {
        let (parts, clock) = (try Parts(), SteppedClock())
        let sweeper = Sweeper(
            ledger: parts.ledger, blobs: parts.blobs, retention: parts.configuration.results, clock: clock.wallClock,
            log: parts.lines.log)
        let sweeping = EventLoop.spawn { await sweeper.run() }
        while clock.naps <= BlobPaths.prefixes.count { await clock.advance(by: Sweeper.rest) }
        sweeping.cancel()
        await parts.close()
        _ = await sweeping.result
        #expect(parts.lines.all.isEmpty)
    }
}
