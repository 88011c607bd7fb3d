import Crypto

@testable import Easel

/// The ledger's tables in memory, with the same meaning; `MemoryRowsTests` compares the two.
struct MemoryRows {
    /// What the database would refuse: a row twice, or one that belongs to nothing.
    struct Violation: Error {}

    private(set) var stories: [String: JobStory] = [:]
    /// By the keys' ids.
    var budgets: [String: Budget] = [:]
    private var blobs: [Digest: BlobRecord] = [:]
    private var tokens: Set<String> = []

    mutating func accept(_ job: JobRecord, _ attempt: AttemptRecord?) throws {
        guard stories[job.id] == nil else { throw Violation() }
        try checkBudget(of: job)
        var row = JobRecord(
            id: job.id, keyID: job.keyID, operation: job.operation, model: job.model, state: job.state,
            parameters: job.parameters, promptCharacters: job.promptCharacters, inputImages: job.inputImages,
            wantedImages: job.wantedImages, acceptedAt: job.acceptedAt, requestLength: job.requestLength)
        (row.idempotencyKey, row.fingerprint, row.report) = (job.idempotencyKey, job.fingerprint, job.report)
        row.reserved = job.reserved
        var story = JobStory(job: row, keyName: "", attempts: [], images: [])
        if let attempt {
            guard attempt.jobID == job.id else { throw Violation() }
            story.attempts = [Self.new(attempt)]
        }
        stories[job.id] = story
    }

    mutating func begin(_ attempt: AttemptRecord, after refused: AttemptRecord?) throws {
        guard let story = stories[attempt.jobID], !story.attempts.contains(where: { $0.ordinal == attempt.ordinal })
        else { throw Violation() }
        if let refused { update(refused) }
        stories[attempt.jobID]?.attempts.append(Self.new(attempt))
        stories[attempt.jobID]?.attempts.sort { $0.ordinal < $1.ordinal }
        update(.submitted, ofJob: attempt.jobID)
    }

    mutating func record(_ attempt: AttemptRecord, state: JobState) {
        update(attempt)
        update(state, ofJob: attempt.jobID)
    }

    mutating func keep(_ images: [ImageRecord]) throws {
        guard images.allSatisfy({ tokens.contains($0.token) || stories[$0.jobID] != nil }) else { throw Violation() }
        for image in images {
            var row = image
            switch image.blob.content {
            case .ledger: continue
            case .bytes: row.blob.content = .ledger
            case .file:
                if blobs[image.blob.digest] == nil { blobs[image.blob.digest] = image.blob }
                row.blob = blobs[image.blob.digest] ?? image.blob
            }
            guard tokens.insert(image.token).inserted else { continue }
            stories[image.jobID]?.images.append(row)
            stories[image.jobID]?.images.sort { $0.position < $1.position }
        }
    }

    mutating func finish(_ job: JobRecord, _ attempt: AttemptRecord?, images: [ImageRecord]) throws {
        try keep(images)
        if let attempt { update(attempt) }
        guard var story = stories[job.id] else { return }
        for index in story.attempts.indices { story.attempts[index].pending = nil }
        defer { stories[job.id] = story }
        guard story.job.finishedAt == nil else { return }
        (story.job.state, story.job.finishedAt) = (job.state, job.finishedAt)
        (story.job.images, story.job.imageLength) = (job.images, job.imageLength)
        (story.job.cost, story.job.report, story.job.usage) = (job.cost, job.report, job.usage)
        (story.job.missing, story.job.error, story.job.errorStatus) = (job.missing, job.error, job.errorStatus)
    }

    var unfinished: [JobStory] {
        stories.values.filter { $0.job.finishedAt == nil && !$0.job.state.isFinished }.sorted { $0.job.id < $1.job.id }
    }

    /// The jobs of a client that the condition holds for, newest first.
    private func jobs(
        of keyID: String, since: Timestamp = Timestamp(microseconds: 0), where isMeant: (JobRecord) -> Bool
    ) -> [JobStory] {
        stories.values.filter { $0.job.keyID == keyID && $0.job.acceptedAt >= since && isMeant($0.job) }
            .sorted { $0.job.id > $1.job.id }
    }

    func job(idempotencyKey: String, keyID: String) -> JobStory? {
        jobs(of: keyID) { $0.idempotencyKey == idempotencyKey }
            .max { ($0.job.acceptedAt, $0.job.id) < ($1.job.acceptedAt, $1.job.id) }
    }

    func jobs(fingerprint: Digest, keyID: String, since: Timestamp, limit: Int) -> [JobStory] {
        Array(jobs(of: keyID, since: since) { $0.fingerprint == fingerprint }.prefix(limit))
    }

    /// What a key has spent, and what jobs under way may add to that, as of a day.
    func spending(of keyID: String, in period: Budget.Period, on day: Day) -> Spending {
        var spending = Spending()
        for job in stories.values.map(\.job) where job.keyID == keyID {
            if let first = period.firstDay(for: day), Day(of: job.acceptedAt) < first { continue }
            let reserved = job.reserved?.microunits ?? 0
            if job.finishedAt == nil {
                spending.reserved.microunits += reserved
            } else {
                spending.spent.microunits += job.cost?.microunits ?? reserved
            }
        }
        return spending
    }

    private func checkBudget(of job: JobRecord) throws {
        let (wanted, day) = (job.reserved ?? Money(microunits: 0), Day(of: job.acceptedAt))
        for (period, amount) in budgets[job.keyID]?.lines ?? [] where wanted.microunits > 0 {
            let used = spending(of: job.keyID, in: period, on: day).total
            guard used.microunits + wanted.microunits > amount.microunits else { continue }
            throw BudgetExceeded(
                period: period, budget: amount, used: used, wanted: wanted, resetsAt: period.end(after: day))
        }
    }

    // MARK: Rows

    private static func new(_ attempt: AttemptRecord) -> AttemptRecord {
        AttemptRecord(
            jobID: attempt.jobID, ordinal: attempt.ordinal, provider: attempt.provider, model: attempt.model,
            state: attempt.state, submittedAt: attempt.submittedAt)
    }

    private mutating func update(_ attempt: AttemptRecord) {
        guard var story = stories[attempt.jobID],
            let index = story.attempts.firstIndex(where: { $0.ordinal == attempt.ordinal })
        else { return }
        var row = attempt
        row.provider = story.attempts[index].provider
        row.model = story.attempts[index].model
        row.submittedAt = story.attempts[index].submittedAt
        story.attempts[index] = row
        stories[attempt.jobID] = story
    }

    private mutating func update(_ state: JobState, ofJob id: String) {
        guard let story = stories[id], !story.job.state.isFinished else { return }
        stories[id]?.job.state = state
    }
}
