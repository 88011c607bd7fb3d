import Crypto
import SQLite

/// What the ledger knows of itself: for an audit, which must never collect a table in memory.
extension Ledger {
    /// Every blob whose digest begins with a byte, by digest, with its length in bytes: one in 256 of all.
    func blobs(_ prefix: UInt8) async throws -> [(digest: Digest, length: Int)] {
        let first = [prefix] + [UInt8](repeating: 0, count: Digest.length - 1)
        let last = [prefix] + [UInt8](repeating: 0xFF, count: Digest.length - 1)
        return try await database.read { connection in
            try connection.rows(Self.blobsBetween, [.blob(first), .blob(last)]) { row in
                Digest(stored: row.blob(0)).map { ($0, row.integer(1)) }
            }.compactMap { $0 }
        }
    }

    /// An image in the ledger itself, as an audit looks at it.
    struct SmallImageRow: Sendable {
        var id: Int
        var jobID: String
        var digest: Digest?
        var length: Int
        /// `nil` where only the length was asked for.
        var content: [UInt8]?
    }

    /// The small images from the first row after another, perhaps with their bytes.
    func smallImages(after id: Int, withContent: Bool, limit: Int) async throws -> [SmallImageRow] {
        try await database.read { connection in
            try connection.rows(
                withContent ? Self.smallImagesWithContent : Self.smallImages, [.integer(id), .integer(limit)]
            ) { row in
                SmallImageRow(
                    id: row.integer(0), jobID: row.text(1), digest: Digest(stored: row.blob(2)),
                    length: row.integer(3), content: withContent ? row.blob(4) : nil)
            }
        }
    }

    /// Whether a blob is written down.
    func hasBlob(_ digest: Digest) async throws -> Bool { try await haveBlobs([digest]).first ?? false }

    /// Which of some blobs are written down.
    func haveBlobs(_ digests: [Digest]) async throws -> [Bool] {
        try await database.read { connection in
            try digests.map { digest in
                try connection.row("SELECT 1 FROM blobs WHERE digest = ?", [.blob(digest.bytes)]) { _ in true } ?? false
            }
        }
    }

    /// Some of the jobs that a blob is an image of.
    func jobs(of digest: Digest, limit: Int) async throws -> [String] {
        try await database.read { connection in
            try connection.rows(Self.jobsOfBlob, [.blob(digest.bytes), .integer(limit)]) { $0.text(0) }
        }
    }

    /// Jobs that are in a state they cannot be in, from the first id after another.
    func contradictoryJobs(after id: String, limit: Int) async throws -> [(id: String, contradiction: String)] {
        try await database.read { connection in
            try connection.rows(Self.contradictoryJobs, [.text(id), .integer(limit)]) { ($0.text(0), $0.text(1)) }
        }
    }

    func jobCount() async throws -> (all: Int, unfinished: Int) {
        try await database.read { connection in
            (
                try connection.row("SELECT count(*) FROM jobs") { $0.integer(0) } ?? 0,
                try connection.row("SELECT count(*) FROM jobs WHERE finished_at IS NULL") { $0.integer(0) } ?? 0
            )
        }
    }

    /// What SQLite finds wrong with the file, and which rows refer to nothing; reads the whole file.
    func flaws() async throws -> [String] {
        try await database.read { connection in
            // Several lines in a row, under a heading.
            let damage = try connection.rows("PRAGMA integrity_check(\(Self.damageLimit))") { row in
                row.text(0).split(separator: "\n").filter { !$0.hasPrefix("***") }.map(String.init)
            }.joined()
            let references = try connection.rows(
                """
                SELECT "table", parent, count(*) FROM pragma_foreign_key_check GROUP BY "table", parent
                """
            ) { "\($0.integer(2)) rows of '\($0.text(0))' refer to rows of '\($0.text(1))' that do not exist" }
            return damage.filter { $0 != "ok" } + references
        }
    }

    /// Bytes of all images: as they are counted while they come and go, and as they add up.
    func totalOfBlobs() async throws -> (counted: Int, actual: Int) {
        try await database.read { connection in
            (
                try connection.row(Self.totalOfBlobs) { $0.integer(0) } ?? 0,
                try connection.row(
                    """
                    SELECT (SELECT coalesce(sum(bytes), 0) FROM blobs)
                        + (SELECT coalesce(sum(length(content)), 0) FROM small_images)
                    """
                ) { $0.integer(0) } ?? 0
            )
        }
    }

    /// Lines of damage that SQLite may tell; a file that is badly damaged has one for every page.
    private static let damageLimit = 20

    static let blobsBetween = "SELECT digest, bytes FROM blobs WHERE digest BETWEEN ? AND ? ORDER BY digest"
    static let smallImages =
        "SELECT id, job_id, digest, length(content) FROM small_images WHERE id > ? ORDER BY id LIMIT ?"
    static let smallImagesWithContent =
        "SELECT id, job_id, digest, length(content), content FROM small_images WHERE id > ? ORDER BY id LIMIT ?"
    static let jobsOfBlob = "SELECT job_id FROM images WHERE digest = ? LIMIT ?"

    private static let contradictoryJobs = """
        SELECT id, contradiction FROM (
            SELECT id, CASE
                WHEN state NOT IN \(knownStates) THEN 'it is ''' || state || ''', which is no state'
                WHEN state IN \(JobState.unfinishedSQL) THEN
                    CASE WHEN finished_at IS NOT NULL THEN 'it is ''' || state || ''', yet has a time of its end' END
                WHEN finished_at IS NULL THEN 'it is ''' || state || ''', yet has no time of its end'
                WHEN state = 'done' AND images = 0 THEN 'it is ''done'', yet has no images'
            END AS contradiction
            FROM jobs WHERE id > ?
        ) WHERE contradiction IS NOT NULL ORDER BY id LIMIT ?
        """

    private static var knownStates: String {
        "(" + JobState.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ") + ")"
    }
}
