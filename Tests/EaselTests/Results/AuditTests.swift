import Crypto
import Files
import LibEvent
import SQLite
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop)
struct AuditTests {
    /// A data folder with an image of a job, audited by a clock that goes with the files'.
    @EventLoop private final class Scene {
        let parts: Parts
        let image: [UInt8]
        var digest: Digest { SHA256.digest(of: image) }
        var path: String { parts.blobs.path(of: digest) }
        let key: KeyRecord

        init(length: Int = BlobContent.fileLength) async throws {
            image = png(filler: "otter", length: length)
            parts = try Parts(clock: ManualClock(at: WallClock.system.now))
            key = try await parts.ledger.anyKey()
            let blob = try await parts.results.keep(
                ResultImage(payload: .base64(base64(image))), of: [], jobID: "req_1",
                until: parts.clock.now + Results.defaultExpiry)
            try await parts.ledger.addJob("req_1", key: key, blobs: [blob])
            parts.blobs.release(blob.digest)
        }

        /// Every difference as `kind: place: what`, the place without the folder, and the notes.
        func audit(isDeep: Bool = false) async throws -> (differences: [String], notes: [String]) {
            var differences: [String] = []
            let audit = Audit(
                parts.ledger, folder: parts.folder.path, isDeep: isDeep, clock: parts.clock.wallClock,
                found: { differences.append("\($0.kind.rawValue): \(self.local($0.place)): \($0.what)") })
            try await audit.run()
            #expect(audit.progress.differences == differences.count)
            #expect(audit.progress.folders == 256)
            return (differences, audit.notes.map(local))
        }

        /// Puts a file into the data folder, with the folders of its path.
        func write(_ bytes: [UInt8], to path: String) throws {
            let file = try TemporaryFile(in: parts.folder.path)
            try file.write(bytes)
            try file.commit(to: path, durable: false)
        }

        func local(_ text: String) -> String { text.replacing(parts.folder.path + "/", with: "") }
    }

    @Test(arguments: [1000, BlobContent.fileLength])
    @EventLoop func `where all agrees there is nothing to tell`(length: Int) async throws {
        let scene = try await Scene(length: length)
        let (differences, notes) = try await scene.audit(isDeep: true)
        #expect(differences.isEmpty)
        #expect(notes.isEmpty)
        await scene.parts.close()
    }

    @Test(arguments: [1000, BlobContent.fileLength])
    @EventLoop func `what was looked at is counted`(length: Int) async throws {
        let scene = try await Scene(length: length)
        var seen: [Int] = []
        let audit = Audit(
            scene.parts.ledger, folder: scene.parts.folder.path, isDeep: false, clock: .system, found: { _ in },
            advanced: { seen.append($0.images) })
        try await audit.run()
        #expect(audit.progress.jobs == 1)
        #expect(audit.progress.images == 1)
        #expect(audit.progress.length == scene.image.count)
        #expect(seen == [1])
        await scene.parts.close()
    }

    @Test @EventLoop func `a row whose file is not there is told with its job`() async throws {
        let scene = try await Scene()
        try scene.parts.blobs.paths.remove(scene.digest)
        #expect(
            try await scene.audit().differences == [
                "missing: \(scene.local(scene.path)): the image of req_1 is not there"
            ])
        await scene.parts.close()
    }

    @Test @EventLoop func `a file of another length is told without reading it`() async throws {
        let scene = try await Scene()
        try scene.write(Array(scene.image.dropLast(7)), to: scene.path)
        #expect(
            try await scene.audit().differences == [
                "damaged: \(scene.local(scene.path)): the image of req_1 has \(scene.image.count - 7) bytes instead "
                    + "of \(scene.image.count)"
            ])
        await scene.parts.close()
    }

    @Test @EventLoop func `other bytes of the same length are found where every image is read`() async throws {
        let scene = try await Scene()
        var bytes = scene.image
        bytes[500] ^= 1
        try scene.write(bytes, to: scene.path)
        #expect(try await scene.audit().differences.isEmpty)
        #expect(
            try await scene.audit(isDeep: true).differences == [
                "damaged: \(scene.local(scene.path)): the image of req_1 has other bytes than were stored, of SHA-256 "
                    + "\(SHA256.digest(of: bytes))"
            ])
        await scene.parts.close()
    }

    @Test @EventLoop func `other bytes in the ledger are found where every image is read`() async throws {
        let scene = try await Scene(length: 1000)
        var bytes = scene.image
        bytes[500] ^= 1
        try await scene.parts.ledger.database.write { [bytes] connection in
            try connection.run("UPDATE small_images SET content = ?", [.blob(bytes)])
        }
        #expect(try await scene.audit().differences.isEmpty)
        #expect(
            try await scene.audit(isDeep: true).differences == [
                "damaged: easel.sqlite: the image of req_1 has other bytes than were stored, of SHA-256 "
                    + "\(SHA256.digest(of: bytes))"
            ])
        await scene.parts.close()
    }

    @Test @EventLoop func `a file that no row names is told`() async throws {
        let scene = try await Scene()
        let orphan = scene.parts.blobs.path(of: SHA256.digest(of: "seal"))
        try scene.write(Array("seal".utf8), to: orphan)
        let stray = scene.parts.blobs.paths.directory(0xAB).path + "/README"
        try scene.write([], to: stray)
        #expect(
            try await Set(scene.audit().differences) == [
                "orphan: \(scene.local(orphan)): no row names this image of 4 bytes",
                "orphan: \(scene.local(stray)): this is not the name of an image",
            ])
        await scene.parts.close()
    }

    @Test @EventLoop func `a running gateway has a minute to write down what it has stored`() async throws {
        let scene = try await Scene()
        let orphan = scene.parts.blobs.path(of: SHA256.digest(of: "seal"))
        try scene.write(Array("seal".utf8), to: orphan)
        let lock = try FileLock(path: scene.parts.folder.path + "/lock")
        #expect(try await scene.audit().differences.isEmpty)
        scene.parts.clock.advance(by: Audit.writingTime + .seconds(1))
        #expect(try await scene.audit().differences.count == 1)
        withExtendedLifetime(lock) {}
        await scene.parts.close()
    }

    @Test @EventLoop func `what a crash leaves for the next start to finish is no difference`() async throws {
        let scene = try await Scene()
        try await scene.parts.ledger.accept(.example("req_2", key: scene.key.id), .example("req_2"))
        try scene.write([1, 2, 3], to: "\(scene.parts.folder.path)/spool/.temporary-1")
        let (differences, notes) = try await scene.audit()
        #expect(differences.isEmpty)
        #expect(
            notes == [
                "jobs that are not finished: 1; the next start takes them up again",
                "files in spool of a run that was cut off: 1, 3 bytes; the next start deletes them",
            ])
        // Of a gateway that runs they are the day's work.
        let lock = try FileLock(path: scene.parts.folder.path + "/lock")
        #expect(try await scene.audit().notes.isEmpty)
        withExtendedLifetime(lock) {}
        await scene.parts.close()
    }

    @Test(arguments: [
        ("state = 'dnoe'", "it is 'dnoe', which is no state"),
        ("finished_at = NULL", "it is 'done', yet has no time of its end"),
        ("state = 'failed', finished_at = NULL", "it is 'failed', yet has no time of its end"),
        ("images = 0", "it is 'done', yet has no images"),
        ("state = 'storing'", "it is 'storing', yet has a time of its end"),
    ])
    @EventLoop func `a job that contradicts itself is told`(change: String, what: String) async throws {
        let scene = try await Scene()
        try await scene.parts.ledger.database.write { connection in try connection.run("UPDATE jobs SET \(change)") }
        #expect(try await scene.audit().differences == ["job: req_1: \(what)"])
        await scene.parts.close()
    }

    @Test @EventLoop func `more contradictions than are read at once are all told`() async throws {
        let scene = try await Scene()
        try await scene.parts.ledger.database.write { connection in
            try connection.run(
                """
                WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 1200)
                INSERT INTO jobs (id, key_id, operation, model, state, parameters, prompt_characters, input_images,
                    wanted_images, accepted_at, request_bytes)
                SELECT 'req_2' || number, key_id, operation, model, state, parameters, 1, 0, 1, 1, 1
                FROM jobs, numbers
                """)
        }
        #expect(try await Set(scene.audit().differences).count == 1200)
        await scene.parts.close()
    }

    @Test @EventLoop func `a wrong count of bytes is told`() async throws {
        let scene = try await Scene()
        try await scene.parts.ledger.database.write { connection in
            try connection.run("UPDATE totals SET bytes = bytes + 5")
        }
        let length = scene.image.count
        #expect(
            try await scene.audit().differences == [
                "ledger: easel.sqlite: it counts \(length + 5) bytes of images, whose rows add up to \(length)"
            ])
        await scene.parts.close()
    }

    @Test(arguments: [
        (
            "UPDATE spending SET spent = spent + 1 WHERE reserved > 0", "0.025001 spent and 0.075 reserved",
            "0.025 and 0.075"
        ),
        ("UPDATE spending SET reserved = 0", "0.025 spent and 0.00 reserved", "0.025 and 0.075"),
        ("DELETE FROM spending", "0.00 spent and 0.00 reserved", "0.025 and 0.075"),
        ("UPDATE jobs SET cost = NULL", "0.025 spent and 0.075 reserved", "0.05 and 0.075"),
        ("DELETE FROM jobs WHERE finished_at IS NULL", "0.025 spent and 0.075 reserved", "0.025 and 0.00"),
    ])
    @EventLoop func `what a key has spent is told where its jobs do not add up to it`(
        change: String, counted: String, actual: String
    ) async throws {
        let scene = try await Scene()
        let (ledger, now) = (scene.parts.ledger, scene.parts.clock.now)
        var job = JobRecord.example("req_2", key: scene.key.id, at: now)
        job.reserved = Money("0.05")
        try await ledger.accept(job, .example(job.id))
        (job.state, job.finishedAt, job.cost) = (.failed, now, Money("0.025"))
        try await ledger.finish(job, nil, images: [])
        job = JobRecord.example("req_3", key: scene.key.id, at: now)
        job.reserved = Money("0.075")
        try await ledger.accept(job, nil)
        #expect(try await scene.audit().differences.isEmpty)
        try await ledger.database.write { connection in try connection.run(change) }
        #expect(
            try await scene.audit().differences == [
                "ledger: easel.sqlite: it counts \(counted) by \(scene.key.id) on \(Day(of: now)), "
                    + "whose jobs add up to \(actual)"
            ])
        await scene.parts.close()
    }

    @Test @EventLoop func `what is spent is added up over more jobs than are read at once`() async throws {
        let scene = try await Scene()
        try await scene.parts.ledger.database.write { connection in
            try connection.run(
                """
                WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 12000)
                INSERT INTO jobs (id, key_id, operation, model, state, parameters, prompt_characters, input_images,
                    wanted_images, accepted_at, request_bytes, reserved)
                SELECT 'req_2' || number, key_id, operation, model, 'submitted', parameters, 1, 0, 1,
                    number % 9 * 86400000000, 1, 25000
                FROM jobs, numbers
                """)
        }
        #expect(try await scene.audit().differences.isEmpty)
        try await scene.parts.ledger.database.write { connection in
            try connection.run("UPDATE spending SET reserved = reserved - 1 WHERE day IN (2, 7)")
        }
        #expect(try await scene.audit().differences.count == 2)
        await scene.parts.close()
    }
}
