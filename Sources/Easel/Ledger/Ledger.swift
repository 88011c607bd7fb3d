import Crypto
import Files
import JSON
import SQLite

/// The books: every job, attempt, image and key, in SQLite.
///
/// A write returns once its rows are on disk. What is here is what happened; a client is told nothing that is not.
struct Ledger: Sendable {
    let database: Database

    private static func path(in folder: String) -> String { folder + "/easel.sqlite" }

    /// Opens the books in a data folder, and makes them when there are none; `upgrading` hears of what may take a while.
    ///
    /// - Throws: `DatabaseError` when the file cannot be read, written or understood.
    init(folder: String, isDurable: Bool = true, upgrading: (_ migration: String) -> Void = { _ in }) throws {
        database = try Database(
            path: Self.path(in: folder), durability: isDurable ? .full : .relaxed, migrations: Schema.migrations,
            upgrading: upgrading)
    }

    /// Opens the books of a data folder only to read them, beside a gateway that may be writing.
    ///
    /// - Throws: `DatabaseError` when there are none, or they are not those of this version.
    init(reading folder: String) throws {
        database = try Database(reading: Self.path(in: folder), migrations: Schema.migrations)
    }

    /// Whether a data folder has books of an older version, which opening them would upgrade.
    static func isOutdated(in folder: String) throws -> Bool {
        do throws(FileError) { _ = try OpenFile(path: path(in: folder)) } catch {
            if error.isMissing { return false }
            throw error
        }
        return try Database.isOutdated(path(in: folder), migrations: Schema.migrations)
    }

    /// Finishes what is queued and folds the write-ahead log into the file.
    func close() async { await database.close() }

    // MARK: Jobs

    /// Writes down a job with its first attempt, before anything of it goes upstream.
    ///
    /// A job that has no attempt yet was promised to its client before a route was chosen. What it can cost is reserved
    /// with its row.
    ///
    /// - Throws: ``BudgetExceeded`` when its key's budget does not allow that.
    func accept(_ job: JobRecord, _ attempt: AttemptRecord?) async throws {
        try await database.write { connection in
            try Self.checkBudget(of: job, connection)
            try connection.run(
                """
                INSERT INTO jobs (id, key_id, operation, model, state, parameters, prompt_characters, input_images,
                    wanted_images, accepted_at, accepted_hour, request_bytes, idempotency_key, fingerprint, report,
                    reserved)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
                [
                    .text(job.id), .text(job.keyID), .text(job.operation), .text(job.model), .text(job.state.rawValue),
                    .text(job.parameters), .integer(job.promptCharacters), .integer(job.inputImages),
                    .integer(job.wantedImages), .timestamp(job.acceptedAt), .integer(job.acceptedAt.hours),
                    .integer(job.requestLength),
                    .optional(job.idempotencyKey), .optional(job.fingerprint), .optional(job.report),
                    .optional(job.reserved),
                ])
            if let attempt { try Self.insert(attempt, connection) }
        }
    }

    /// Writes down an attempt before its first byte goes upstream: the first of a job that was accepted without one, or
    /// a further one after an attempt that provably bought nothing.
    func begin(_ attempt: AttemptRecord, after refused: AttemptRecord?) async throws {
        try await database.write { connection in
            if let refused { try Self.update(refused, connection) }
            try Self.insert(attempt, connection)
            try Self.update(.submitted, ofJob: attempt.jobID, connection)
        }
    }

    /// Writes down what is known of an attempt while its job goes on: a queue task before its first poll, results
    /// before they are fetched.
    ///
    /// A job that has ended stays ended.
    func record(_ attempt: AttemptRecord, state: JobState) async throws {
        try await database.write { connection in
            try Self.update(attempt, connection)
            try Self.update(state, ofJob: attempt.jobID, connection)
        }
    }

    /// Writes down images that are here while the rest of their job goes on: whatever becomes of it, they stay.
    func keep(_ images: [ImageRecord]) async throws {
        try await database.write { connection in
            for image in images { try Self.insert(image, connection) }
        }
    }

    /// Writes down that a job is to stop, so that a restart goes on with that; the first time counts.
    ///
    /// Whether it did is told by how it ends.
    func stop(_ jobID: String, at moment: Timestamp) async throws {
        try await database.write { connection in
            try connection.run(
                "UPDATE jobs SET stop_asked_at = coalesce(stop_asked_at, ?) WHERE id = ? AND finished_at IS NULL",
                [.timestamp(moment), .text(jobID)])
        }
    }

    /// Ends a job: its images, its last attempt, and the job itself, all or nothing.
    ///
    /// Images that were kept before may be among them. Of no attempt any result is pending afterwards. What was reserved
    /// for the job gives way to what it has cost; a job that has ended stays as it ended.
    func finish(_ job: JobRecord, _ attempt: AttemptRecord?, images: [ImageRecord]) async throws {
        try await database.write { connection in
            for image in images { try Self.insert(image, connection) }
            if let attempt { try Self.update(attempt, connection) }
            try connection.run(
                "UPDATE attempts SET pending = NULL WHERE job_id = ? AND pending IS NOT NULL", [.text(job.id)])
            try connection.run(
                """
                UPDATE jobs SET state = ?, finished_at = ?, images = ?, image_bytes = ?, cost = ?, report = ?,
                    usage = ?, missing = ?, error = ?, error_status = ?
                WHERE id = ? AND finished_at IS NULL
                """,
                [
                    .text(job.state.rawValue), .optional(job.finishedAt), .integer(job.images),
                    .integer(job.imageLength), .optional(job.cost), .optional(job.report), .optional(job.usage?.text),
                    .list(job.missing), .optional(job.error), .optional(job.errorStatus), .text(job.id),
                ])
        }
    }

    // MARK: Rows

    private static func insert(_ attempt: AttemptRecord, _ connection: borrowing Connection) throws {
        try connection.run(
            """
            INSERT INTO attempts (job_id, ordinal, provider, model, state, submitted_at) VALUES (?, ?, ?, ?, ?, ?)
            """,
            [
                .text(attempt.jobID), .integer(attempt.ordinal), .text(attempt.provider), .text(attempt.model),
                .text(attempt.state.rawValue), .timestamp(attempt.submittedAt),
            ])
    }

    private static func update(_ attempt: AttemptRecord, _ connection: borrowing Connection) throws {
        try connection.run(
            """
            UPDATE attempts SET state = ?, answered_at = ?, upstream_status = ?, upstream_id = ?, task = ?,
                pending = ?, failure = ?
            WHERE job_id = ? AND ordinal = ?
            """,
            [
                .text(attempt.state.rawValue), .optional(attempt.answeredAt), .optional(attempt.upstreamStatus),
                .optional(attempt.upstreamID), .optional(attempt.task), .optional(attempt.pending),
                .optional(attempt.failure), .text(attempt.jobID), .integer(attempt.ordinal),
            ])
    }

    /// Moves a job on, unless it has ended.
    private static func update(
        _ state: JobState, ofJob id: String, _ connection: borrowing Connection
    ) throws {
        try connection.run(
            "UPDATE jobs SET state = ? WHERE id = ? AND state IN \(JobState.unfinishedSQL) AND state <> ?",
            [.text(state.rawValue), .text(id), .text(state.rawValue)])
    }

    /// Writes down an image, unless it was before.
    private static func insert(_ image: ImageRecord, _ connection: borrowing Connection) throws {
        switch image.blob.content {
        case .bytes(let content): try insert(image, content, connection)
        case .file: try insert(linkTo: image, connection)
        case .ledger: break
        }
    }

    private static func insert(
        _ image: ImageRecord, _ content: [UInt8], _ connection: borrowing Connection
    ) throws {
        try connection.run(
            """
            INSERT INTO small_images (token, job_id, position, seed, revised_prompt, created_at, digest, media_type,
                width, height, content)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (token) DO NOTHING
            """,
            [
                .text(image.token), .text(image.jobID), .integer(image.position), .optional(image.seed),
                .optional(image.revisedPrompt), .timestamp(image.createdAt), .blob(image.blob.digest.bytes),
                .text(image.blob.mediaType), .integer(image.blob.width), .integer(image.blob.height), .blob(content),
            ])
    }

    /// Writes down an image whose bytes are in a file, which other images may have, too.
    private static func insert(linkTo image: ImageRecord, _ connection: borrowing Connection) throws {
        try connection.run(
            """
            INSERT INTO blobs (digest, media_type, bytes, width, height, stored_at, used_at)
            VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO UPDATE SET used_at = max(used_at, excluded.used_at)
            """,
            [
                .blob(image.blob.digest.bytes), .text(image.blob.mediaType), .integer(image.blob.length),
                .integer(image.blob.width), .integer(image.blob.height), .timestamp(image.createdAt),
                .timestamp(image.createdAt),
            ])
        try connection.run(
            """
            INSERT INTO images (token, job_id, position, digest, seed, revised_prompt, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (token) DO NOTHING
            """,
            [
                .text(image.token), .text(image.jobID), .integer(image.position), .blob(image.blob.digest.bytes),
                .optional(image.seed), .optional(image.revisedPrompt), .timestamp(image.createdAt),
            ])
    }
}

extension Value {
    static func timestamp(_ timestamp: Timestamp) -> Value { .integer(Int(timestamp.microseconds)) }
    static func optional(_ text: String?) -> Value { text.map(Value.text) ?? .null }
    static func optional(_ number: Int64?) -> Value { number.map { .integer(Int($0)) } ?? .null }
    static func optional(_ number: Int?) -> Value { number.map(Value.integer) ?? .null }
    static func optional(_ timestamp: Timestamp?) -> Value { timestamp.map(Value.timestamp) ?? .null }
    static func optional(_ money: Money?) -> Value { money.map { .integer(Int($0.microunits)) } ?? .null }
    static func optional(_ digest: Digest?) -> Value { digest.map { .blob($0.bytes) } ?? .null }

    /// Texts as a JSON array; `NULL` when there are none.
    static func list(_ texts: [String]) -> Value {
        texts.isEmpty ? .null : .text(JSONValue.array(texts.map(JSONValue.string)).text)
    }
}

extension Timestamp {
    /// A moment as a column holds it.
    init(stored microseconds: Int) { self.init(microseconds: Int64(microseconds)) }

    /// Whole hours since 1970.
    var hours: Int { Int(microseconds / 3_600_000_000) }
}

extension Money {
    /// An amount as a column holds it.
    init(stored microunits: Int) { self.init(microunits: Int64(microunits)) }
}
