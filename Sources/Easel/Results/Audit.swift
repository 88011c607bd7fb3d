import Crypto
import Files
import LibEvent

/// Compares the ledger with the images on disk, and both with what they ought to be; changes nothing.
///
/// A gateway may be at work meanwhile: what it is in the middle of is looked at twice before it is told. One folder of
/// images in 256 is in memory at a time, and nothing of what was found.
@EventLoop
final class Audit {
    /// Something that does not agree.
    struct Difference: Sendable {
        enum Kind: String, Sendable {
            /// A row whose file is not there.
            case missing
            /// A row whose file has other bytes.
            case damaged
            /// A file that no row names.
            case orphan
            /// A job whose row contradicts itself.
            case job
            /// The database itself.
            case ledger
        }

        var kind: Kind
        /// A path, or the id of a job.
        var place: String
        var what: String
        var remedy: String
    }

    /// How far the audit is.
    struct Progress: Sendable {
        var jobs = 0
        var images = 0
        /// Bytes of the images.
        var length = 0
        /// Folders of images that are done, of 256.
        var folders = 0
        var differences = 0
    }

    /// How long a running gateway may take from putting a file in place to writing it down.
    static let writingTime = Duration.seconds(60)
    /// How long a running gateway may take from forgetting an image to deleting its file.
    static let deletingTime = Duration.milliseconds(500)
    /// Jobs that are named of an image that is lost, and contradictory jobs and small images that are read at once.
    private static let (namedJobs, jobsAtOnce, imagesAtOnce) = (3, 500, 100)

    private let ledger: Ledger
    private let folder: String
    private let paths: BlobPaths
    private let isDeep: Bool
    private let clock: WallClock
    private let found: (Difference) -> Void
    private let advanced: (Progress) -> Void
    private(set) var progress = Progress()
    /// What is no difference, and yet worth knowing.
    private(set) var notes: [String] = []

    /// Prepares to audit a data folder; a deep audit reads every image, and not only its length.
    ///
    /// `found` takes every difference as it is found, and `advanced` is told after every image.
    init(
        _ ledger: Ledger, folder: String, isDeep: Bool, clock: WallClock, found: @escaping (Difference) -> Void,
        advanced: @escaping (Progress) -> Void = { _ in }
    ) {
        self.ledger = ledger
        self.folder = folder
        paths = BlobPaths(folder: folder + "/blobs")
        self.isDeep = isDeep
        self.clock = clock
        self.found = found
        self.advanced = advanced
    }

    /// Looks at everything, once.
    ///
    /// - Throws: What kept it from looking on.
    func run() async throws {
        try await checkLedger()
        try await checkJobs()
        try await checkSpending()
        try await checkSmallImages()
        for prefix in BlobPaths.prefixes {
            try await checkImages(prefix)
            progress.folders += 1
        }
        try await lookAtSpool()
    }

    // MARK: The ledger

    private func checkLedger() async throws {
        let path = "\(folder)/easel.sqlite"
        for flaw in try await ledger.flaws() {
            tell(
                .ledger, path, flaw, "restore it from a backup, or rescue its rows with `sqlite3 FILE .recover`")
        }
        let total = try await ledger.totalOfBlobs()
        guard total.counted != total.actual else { return }
        tell(
            .ledger, path, "it counts \(total.counted) bytes of images, whose rows add up to \(total.actual)",
            "report this: 'results.max_disk' goes by the count")
    }

    private func checkJobs() async throws {
        var last = ""
        while true {
            let jobs = try await ledger.contradictoryJobs(after: last, limit: Self.jobsAtOnce)
            for job in jobs {
                tell(.job, job.id, job.contradiction, "report this, with what 'easel jobs show \(job.id)' tells")
            }
            guard let end = jobs.last else { break }
            last = end.id
        }
        let count = try await ledger.jobCount()
        progress.jobs = count.all
        if count.unfinished > 0, try await !isGatewayRunning() {
            notes.append("jobs that are not finished: \(count.unfinished); the next start takes them up again")
        }
    }

    private func checkSpending() async throws {
        for difference in try await ledger.spendingDifferences() {
            let (counted, actual) = (difference.counted, difference.actual)
            tell(
                .ledger, "\(folder)/easel.sqlite",
                "it counts \(counted.spent) spent and \(counted.reserved) reserved by \(difference.keyID) on "
                    + "\(difference.day), whose jobs add up to \(actual.spent) and \(actual.reserved)",
                "report this: the key's budget goes by the count")
        }
    }

    // MARK: Images in the ledger

    private func checkSmallImages() async throws {
        var last = 0
        while true {
            let images = try await ledger.smallImages(after: last, withContent: isDeep, limit: Self.imagesAtOnce)
            for image in images {
                if let content = image.content, case let actual = SHA256.digest(of: content), actual != image.digest {
                    tell(
                        .damaged, "\(folder)/easel.sqlite",
                        "the image of \(image.jobID) has other bytes than were stored, of SHA-256 \(actual)",
                        "restore it from a backup")
                }
                progress.images += 1
                progress.length &+= image.length
                advanced(progress)
            }
            guard let end = images.last else { return }
            last = end.id
        }
    }

    // MARK: Images in files

    /// Compares the files of one folder with the rows of the digests that belong there.
    private func checkImages(_ prefix: UInt8) async throws {
        let paths = paths
        // The files first: a row is written after its file is in place, and deleted before it.
        let (images, others) = try await blocking { () throws(FileError) in try paths.files(prefix) }
        for path in others { tell(.orphan, path, "this is not the name of an image", "move it elsewhere") }
        var files = Dictionary(images.map { ($0.digest, $0) }) { first, _ in first }
        for row in try await ledger.blobs(prefix) {
            if let file = files.removeValue(forKey: row.digest), file.length == row.length {
                if isDeep { try await checkBytes(of: row.digest) }
            } else {
                try await checkLength(of: row.digest, row.length)
            }
            progress.images += 1
            progress.length &+= row.length
            advanced(progress)
        }
        try await checkOrphans(files.values.sorted { $0.modified < $1.modified })
    }

    /// Looks at a file that was not listed, or with another length than its row has.
    private func checkLength(of digest: Digest, _ length: Int) async throws {
        let path = paths.path(of: digest)
        let file: OpenFile
        do throws(FileError) {
            file = try await blocking { () throws(FileError) in try OpenFile(path: path) }
        } catch {
            return try await tellUnreadable(digest, error)
        }
        guard file.length != length else { return }
        tell(
            .damaged, path, "\(try await name(of: digest)) has \(file.length) bytes instead of \(length)", Self.restore)
    }

    private func checkBytes(of digest: Digest) async throws {
        let path = paths.path(of: digest)
        var hash = SHA256()
        do throws(FileError) {
            let file = try await FileSource(path: path)
            while let bytes = try await file.next() { hash.update(bytes) }
        } catch {
            return try await tellUnreadable(digest, error)
        }
        let actual = hash.finalize()
        guard actual != digest else { return }
        tell(
            .damaged, path, "\(try await name(of: digest)) has other bytes than were stored, of SHA-256 \(actual)",
            Self.restore)
    }

    private func tellUnreadable(_ digest: Digest, _ error: FileError) async throws {
        // The gateway may have forgotten the image since its row was read.
        guard try await ledger.hasBlob(digest) else { return }
        let path = paths.path(of: digest)
        let name = try await name(of: digest)
        if error.isMissing {
            tell(.missing, path, "\(name) is not there", Self.restore)
        } else {
            tell(.damaged, path, "\(name) cannot be read: \(error)", "let this program's user read it; check its disk")
        }
    }

    private func checkOrphans(_ files: [BlobPaths.File]) async throws {
        guard !files.isEmpty else { return }
        let isGatewayRunning = try await isGatewayRunning()
        if isGatewayRunning { try await clock.sleep(for: Self.deletingTime) }
        for file in files where try await !ledger.hasBlob(file.digest) {
            if isGatewayRunning, clock.now - file.modified < Self.writingTime { continue }
            let path = paths.path(of: file.digest)
            guard await isThere(path) else { continue }
            tell(
                .orphan, path, "no row names this image of \(file.length) bytes",
                "the gateway deletes it soon after its next start")
        }
    }

    private func isThere(_ path: String) async -> Bool {
        do throws(FileError) {
            _ = try await blocking { () throws(FileError) in try OpenFile(path: path) }
            return true
        } catch {
            return !error.isMissing
        }
    }

    // MARK: The spool

    private func lookAtSpool() async throws {
        guard try await !isGatewayRunning() else { return }
        let spool = Directory(folder + "/spool")
        let files: [Directory.Entry]
        do throws(FileError) {
            files = try await blocking { () throws(FileError) in try spool.files() }
        } catch {
            if error.isMissing { return }
            throw error
        }
        guard !files.isEmpty else { return }
        let length = files.reduce(0) { $0 &+ $1.length }
        notes.append(
            "files in \(spool.path) of a run that was cut off: \(files.count), \(length) bytes; the next start deletes "
                + "them")
    }

    // MARK: Telling

    private static let restore = "restore the file from a backup; until then its link is an error"

    private func tell(_ kind: Difference.Kind, _ place: String, _ what: String, _ remedy: String) {
        progress.differences += 1
        found(Difference(kind: kind, place: place, what: what, remedy: remedy))
    }

    /// What a person knows an image by.
    private func name(of digest: Digest) async throws -> String {
        let jobs = try await ledger.jobs(of: digest, limit: Self.namedJobs)
        return jobs.isEmpty ? "an image without a link" : "the image of \(jobs.joined(separator: ", "))"
    }

    private func isGatewayRunning() async throws -> Bool {
        let path = folder + "/lock"
        return try await blocking { () throws(FileError) in try FileLock.isHeld(path: path) }
    }
}
