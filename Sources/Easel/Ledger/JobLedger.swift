import Crypto

/// What the job engine writes down: each call returns once its rows are on disk.
protocol JobLedger: Sendable {
    /// Writes down a job, with its first attempt where a route has been chosen, before anything of it goes upstream.
    func accept(_ job: JobRecord, _ attempt: AttemptRecord?) async throws
    /// Writes down an attempt, after the one before it provably bought nothing.
    func begin(_ attempt: AttemptRecord, after refused: AttemptRecord?) async throws
    /// Writes down what is known of an attempt while its job goes on: tasks before their first poll, results before
    /// they are fetched.
    func record(_ attempt: AttemptRecord, state: JobState) async throws
    /// Writes down images that are stored while the rest of their job goes on.
    func keep(_ images: [ImageRecord]) async throws
    /// Ends a job: its images, its last attempt, and the job itself, all or nothing.
    func finish(_ job: JobRecord, _ attempt: AttemptRecord?, images: [ImageRecord]) async throws
}

/// Where the jobs of earlier requests are found again.
protocol JobArchive: Sendable {
    /// A job with its attempts and images; `nil` when there is none of that id.
    func job(_ id: String) async throws -> JobStory?
    /// Those jobs that there are of some.
    func jobs(_ ids: [String]) async throws -> [JobStory]
    /// The newest job that a client gave this name; `nil` when there is none.
    func job(idempotencyKey: String, keyID: String) async throws -> JobStory?
    /// The jobs of a client that asked for the same since a moment, newest first.
    func jobs(fingerprint: Digest, keyID: String, since: Timestamp, limit: Int) async throws -> [JobStory]
}

extension Ledger: JobLedger, JobArchive {}
