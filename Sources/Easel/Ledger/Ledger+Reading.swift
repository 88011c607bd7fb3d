import Crypto
import JSON
import SQLite

extension Ledger {
    /// A job with its attempts and images; `nil` when there is none of that id.
    func job(_ id: String) async throws -> JobStory? {
        try await stories(Self.jobOfID, [.text(id)]).first
    }

    /// Those jobs that there are of some, as of one moment.
    func jobs(_ ids: [String]) async throws -> [JobStory] {
        try await database.read { connection in
            try ids.flatMap { try Self.stories(Self.jobOfID, [.text($0)], connection) }
        }
    }

    /// The newest job that a client gave this name; `nil` when there is none.
    func job(idempotencyKey: String, keyID: String) async throws -> JobStory? {
        try await stories(Self.newestOfIdempotencyKey, [.text(keyID), .text(idempotencyKey)]).first
    }

    /// The jobs of a client that asked for the same since a moment, newest first: hour by hour, as their index is.
    func jobs(fingerprint: Digest, keyID: String, since: Timestamp, limit: Int) async throws -> [JobStory] {
        let asked = [Value.text(keyID), .blob(fingerprint.bytes), .text(RequestID.lowest(at: since))]
        return try await database.read { connection in
            var stories: [JobStory] = []
            var hour = Int.max
            while stories.count < limit,
                let earlier = try connection.row(Self.hourBefore, [.integer(hour)], { $0.optionalInteger(0) }) ?? nil,
                earlier >= since.hours
            {
                hour = earlier
                let values = [.integer(hour)] + asked + [.integer(limit - stories.count)]
                stories += try Self.stories(Self.newestOfFingerprint, values, connection)
            }
            return stories
        }
    }

    /// The jobs that have not ended, oldest first: right after the start, those that an earlier run left behind.
    func unfinished() async throws -> [JobStory] {
        // Few, and by their index in the order of their states.
        try await stories(Self.unfinishedJobs).sorted { $0.job.id < $1.job.id }
    }

    /// The newest jobs, newest first.
    func jobs(limit: Int) async throws -> [JobRecord] {
        try await database.read { connection in
            try connection.rows(Self.newestJobs, [.integer(limit)]) { JobRecord($0) }
        }
    }

    /// The jobs of a query, with everything that belongs to them, as of one moment.
    private func stories(_ sql: String, _ values: [Value] = []) async throws -> [JobStory] {
        try await database.read { connection in try Self.stories(sql, values, connection) }
    }

    private static func stories(
        _ sql: String, _ values: [Value], _ connection: borrowing Connection
    ) throws -> [JobStory] {
        try connection.rows(sql, values) { JobRecord($0) }.map { job in
            let id = [Value.text(job.id)]
            return JobStory(
                job: job,
                keyName: try connection.row(nameOfKey, [.text(job.keyID)]) { $0.text(0) } ?? "",
                attempts: try connection.rows(attemptsOfJob, id) { AttemptRecord($0) },
                images: try [imagesOfJob, smallImagesOfJob].flatMap { sql in
                    try connection.rows(sql, id) { ImageRecord($0) }.compactMap { $0 }
                }.sorted { $0.position < $1.position })
        }
    }

    /// The image behind a link's token; with its bytes, if they are in the ledger.
    func image(token: String) async throws -> ImageRecord? {
        try await database.read { connection in
            let small = try connection.row(Self.smallImageOfToken, [.text(token)]) { row in
                var image = ImageRecord(row)
                image?.blob.content = .bytes(row.blob(12))
                return image
            }
            return try small ?? connection.row(Self.imageOfToken, [.text(token)]) { ImageRecord($0) } ?? nil
        }
    }

    private static let selectJobs = """
        SELECT id, key_id, operation, model, state, parameters, prompt_characters, input_images, wanted_images,
            accepted_at, finished_at, request_bytes, images, image_bytes, cost, report, error, idempotency_key,
            fingerprint, usage, missing, error_status, reserved, stop_asked_at
        FROM jobs 
        """

    private static let selectImages = """
        SELECT images.token, images.job_id, images.position, images.seed, images.revised_prompt, images.created_at,
            blobs.digest, blobs.media_type, blobs.bytes, blobs.width, blobs.height, 0 AS is_small
        FROM images JOIN blobs USING (digest) 
        """

    private static let smallImage = """
        SELECT token, job_id, position, seed, revised_prompt, created_at, digest, media_type,
            length(content), width, height, 1 AS is_small
        """

    static let jobOfID = selectJobs + "WHERE id = ?"
    static let newestJobs = selectJobs + "ORDER BY id DESC LIMIT ?"
    // By its id, a job may be older than one that was begun before it, and ended: a try can be slow to be read.
    static let newestOfIdempotencyKey =
        selectJobs + "WHERE key_id = ? AND idempotency_key = ? ORDER BY accepted_at DESC, id DESC LIMIT 1"
    static let hourBefore = "SELECT max(accepted_hour) FROM jobs WHERE accepted_hour < ?"
    static let newestOfFingerprint =
        selectJobs + """
            WHERE accepted_hour = ? AND key_id = ? AND fingerprint = ? AND id >= ? ORDER BY id DESC LIMIT ?
            """
    static let unfinishedJobs = selectJobs + "WHERE finished_at IS NULL AND state IN \(JobState.unfinishedSQL)"
    static let nameOfKey = "SELECT name FROM keys WHERE id = ?"
    static let imageOfToken = selectImages + "WHERE images.token = ?"
    static let imagesOfJob = selectImages + "WHERE images.job_id = ?"
    static let smallImageOfToken = smallImage + ", content FROM small_images WHERE token = ?"
    static let smallImagesOfJob = smallImage + " FROM small_images WHERE job_id = ?"
    static let attemptsOfJob = """
        SELECT job_id, ordinal, provider, model, state, submitted_at, answered_at, upstream_status, upstream_id, task,
            pending, failure FROM attempts WHERE job_id = ? ORDER BY ordinal
        """
}

/// Everything the ledger knows of one request.
struct JobStory: Sendable {
    var job: JobRecord
    var keyName: String
    var attempts: [AttemptRecord]
    var images: [ImageRecord]
}

extension JobRecord {
    init(_ row: borrowing Row) {
        self.init(
            id: row.text(0), keyID: row.text(1), operation: row.text(2), model: row.text(3),
            state: JobState(rawValue: row.text(4)) ?? .unknown, parameters: row.text(5),
            promptCharacters: row.integer(6), inputImages: row.integer(7), wantedImages: row.integer(8),
            acceptedAt: Timestamp(stored: row.integer(9)),
            finishedAt: row.optionalInteger(10).map(Timestamp.init(stored:)),
            stopAskedAt: row.optionalInteger(23).map(Timestamp.init(stored:)),
            requestLength: row.integer(11), idempotencyKey: row.optionalText(17),
            fingerprint: row.optionalBlob(18).flatMap(Digest.init(stored:)),
            images: row.integer(12), imageLength: row.integer(13),
            reserved: row.optionalInteger(22).map(Money.init(stored:)),
            cost: row.optionalInteger(14).map(Money.init(stored:)), report: row.optionalText(15),
            usage: Self.json(row.optionalText(19)), missing: Self.list(row.optionalText(20)),
            error: row.optionalText(16),
            errorStatus: row.optionalInteger(21))
    }

    private static func list(_ text: String?) -> [String] {
        json(text)?.array?.compactMap(\.string) ?? []
    }

    private static func json(_ text: String?) -> JSONValue? {
        text.flatMap { try? JSONValue(parsing: Array($0.utf8)) }
    }
}

extension AttemptRecord {
    fileprivate init(_ row: borrowing Row) {
        self.init(
            jobID: row.text(0), ordinal: row.integer(1), provider: row.text(2), model: row.text(3),
            state: State(rawValue: row.text(4)) ?? .unknown, submittedAt: Timestamp(stored: row.integer(5)),
            answeredAt: row.optionalInteger(6).map(Timestamp.init(stored:)),
            upstreamStatus: row.optionalInteger(7), upstreamID: row.optionalText(8),
            task: row.optionalText(9), pending: row.optionalText(10), failure: row.optionalText(11))
    }
}

extension ImageRecord {
    fileprivate init?(_ row: borrowing Row) {
        guard let digest = Digest(stored: row.blob(6)) else { return nil }
        self.init(
            token: row.text(0), jobID: row.text(1), position: row.integer(2),
            blob: BlobRecord(
                digest: digest, mediaType: row.text(7), length: row.integer(8), width: row.integer(9),
                height: row.integer(10), content: row.integer(11) == 0 ? .file : .ledger),
            seed: row.optionalInteger(3).map { Int64($0) }, revisedPrompt: row.optionalText(4),
            createdAt: Timestamp(stored: row.integer(5)))
    }
}
