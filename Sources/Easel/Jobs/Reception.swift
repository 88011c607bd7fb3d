import Crypto
import LibEvent

/// Finds out whether a request is new or the repetition of an earlier one, so that a retry buys nothing.
///
/// ``Repetition`` decides; this gathers what it has to know, from the jobs under way, the ledger and the ``Audience``,
/// and acts on the decision. Between a decision and its effect nothing else happens.
@EventLoop
final class Reception {
    let jobs: Jobs
    private let ledger: any JobArchive
    private let clock: WallClock
    private let log: Log
    private var audience = Audience()
    /// The names that are being looked up: the second of two equal requests waits for what comes of the first.
    private var claims: [Jobs.Name: Promise<Void>] = [:]

    /// How far back the beginning of a job may lie that a retry without a name is that of.
    static let lookback = Duration.seconds(86_400)
    /// How many of a client's equal jobs are looked at, beside those that the ``Audience`` knows.
    static let lookbackLimit = 32
    /// How often jobs that end while they are looked up are looked up again.
    static let lookups = 5

    init(jobs: Jobs, ledger: any JobArchive, clock: WallClock, log: Log) {
        self.jobs = jobs
        self.ledger = ledger
        self.clock = clock
        self.log = log
    }

    /// A request that has been understood.
    struct Arrival: Sendable {
        /// Of the job, if it becomes one of its own.
        var id: String
        var key: KeyRecord
        var submission: Submission
        /// How often its client has sent it before.
        var retryCount = 0
        /// Why it may not become a job of its own, although it may turn out to be the repetition of one.
        var refusal: GatewayError?
        /// How long its client's own names for requests count, once the job of one has ended.
        var memory: Duration
        /// What works on the job.
        var fulfilment: Fulfilment?
    }

    /// What became of a request.
    enum Admission: Sendable {
        /// It is a job of its own.
        case started(Job)
        /// It waits with an earlier request.
        case joined(Job)
        /// It hears again what an earlier one was told.
        case repeated(Boxed<JobStory>)
    }

    /// Takes up the jobs that an earlier run of the process left behind, for whose retries they are here however old.
    func resume(_ stories: [JobStory]) {
        for job in stories.map(\.job) where job.idempotencyKey == nil {
            guard let fingerprint = job.fingerprint else { continue }
            let question = Audience.Question(keyID: job.keyID, fingerprint: fingerprint)
            audience.ask(job.id, question, retryCount: 0, at: clock.now)
        }
        jobs.resume(stories)
    }

    /// Starts a job for a request, or finds the one that it is a repetition of.
    func admit(_ arrival: Arrival) async throws(GatewayError) -> Admission {
        if let idempotencyKey = arrival.submission.idempotencyKey {
            return try await admit(arrival, Jobs.Name(keyID: arrival.key.id, idempotencyKey: idempotencyKey))
        }
        guard let fingerprint = arrival.submission.fingerprint else { return .started(try start(arrival)) }
        let question = Audience.Question(keyID: arrival.key.id, fingerprint: fingerprint)
        return try await arrival.retryCount > 0 ? admitRetry(arrival, question) : admitFirstTry(arrival, question)
    }

    /// Hears that the answer about a job has been sent, in full or in part.
    func sent(_ jobID: String, inFull: Bool, isSuccess: Bool) {
        audience.hear(jobID, inFull: inFull, isSuccess: isSuccess, at: clock.now)
    }

    // MARK: With a name

    private func admit(_ arrival: Arrival, _ name: Jobs.Name) async throws(GatewayError) -> Admission {
        while true {
            if let claim = claims[name] {
                guard await claim.wait() != nil else { throw .clientLeft() }
                continue
            }
            // One that has only just begun has no row yet.
            if let job = jobs.job(named: name) {
                try check(decision(on: EarlierJob(job), arrival), name)
                guard let admission = try await join(job) else { continue }
                return admission
            }
            let claim = Promise<Void>()
            claims[name] = claim
            defer {
                claims[name] = nil
                claim.fulfil(())
            }
            guard let story = try await newest(name) else { return .started(try start(arrival)) }
            let job = jobs.job(story.job.id)
            let decision = decision(on: EarlierJob(story, isRunning: job != nil), arrival)
            try check(decision, name)
            guard case .same = decision else { return .started(try start(arrival)) }
            if let job {
                guard let admission = try await join(job) else { continue }
                return admission
            }
            return .repeated(.value(try await settled(story)))
        }
    }

    private func decision(on earlier: EarlierJob, _ arrival: Arrival) -> Repetition {
        .ofName(earlier, fingerprint: arrival.submission.fingerprint, within: arrival.memory, at: clock.now)
    }

    private func check(_ decision: Repetition, _ name: Jobs.Name) throws(GatewayError) {
        if decision == .conflict { throw .idempotencyKeyReused(name.idempotencyKey) }
    }

    // MARK: Without a name

    /// Its client may have given it up, and the retry may have been read sooner, or even be done.
    private func admitFirstTry(
        _ arrival: Arrival, _ question: Audience.Question
    ) async throws(GatewayError) -> Admission {
        guard var jobID = audience.takeOvertaker(of: arrival.id, question) else { return try begin(arrival, question) }
        while true {
            if let admission = try await admission(to: jobID) {
                log.info("request was overtaken by its retry", ["request.id": arrival.id, "job": jobID])
                // Its client has come back already: that was the retry.
                audience.comeBack(to: jobID, question, retryCount: audience.retryCount(of: jobID), at: clock.now)
                return admission
            }
            guard let next = audience.replacement(of: jobID) else {
                return try begin(arrival, question, insteadOf: jobID)
            }
            jobID = next
        }
    }

    /// What comes of belonging to a job, under way or not; `nil` when it has ended and bought nothing.
    private func admission(to jobID: String) async throws(GatewayError) -> Admission? {
        if let job = jobs.job(jobID), let admission = try await join(job) { return admission }
        guard let story = try await story(of: jobID), !story.boughtNothing else { return nil }
        return .repeated(.value(try await settled(story)))
    }

    private func begin(
        _ arrival: Arrival, _ question: Audience.Question, insteadOf jobID: String? = nil, expectsFirstTry: Bool = false
    ) throws(GatewayError) -> Admission {
        if let jobID { audience.replace(jobID, by: arrival.id, question, at: clock.now) }
        // Also where it is refused at once: its retry is then that of nothing older.
        audience.ask(
            arrival.id, question, retryCount: arrival.retryCount, expectsFirstTry: expectsFirstTry, at: clock.now)
        return .started(try start(arrival))
    }

    private func admitRetry(
        _ arrival: Arrival, _ question: Audience.Question
    ) async throws(GatewayError) -> Admission {
        while true {
            let (earlier, stories) = try await earlierJobs(question)
            switch Repetition.ofRetry(arrival.retryCount, earlier: earlier, at: clock.now) {
            case .new(let insteadOf):
                return try begin(arrival, question, insteadOf: insteadOf, expectsFirstTry: insteadOf == nil)
            case .same(let earlierID):
                if let job = jobs.job(earlierID), job.isCancelled {
                    _ = try await join(job)
                    continue
                }
                audience.comeBack(to: earlierID, question, retryCount: arrival.retryCount, at: clock.now)
                log.info(
                    "retry found its job",
                    ["request.id": arrival.id, "job": earlierID, "retry": "\(arrival.retryCount)"])
                if let job = jobs.job(earlierID) { return .joined(job) }
                guard let story = stories[earlierID] else { throw .endingPending(earlierID) }
                return .repeated(.value(try await settled(story)))
            case .conflict: throw .internalFailure("A request without a name has met one.")
            }
        }
    }

    /// Every job that asked for the same, each in the state that it has now.
    ///
    /// Jobs that end while the ledger is read are in neither place as they should be, so it is read again.
    private func earlierJobs(
        _ question: Audience.Question
    ) async throws(GatewayError) -> (jobs: [EarlierJob], stories: [String: JobStory]) {
        var (earlier, stories, hasSettled) = ([EarlierJob](), [String: JobStory](), false)
        for _ in 1...Self.lookups where !hasSettled {
            // Those that have ended without a row by now will never have one.
            let over = Set(audience.jobs(of: question).filter { jobs.job($0) == nil })
            stories = try await self.stories(of: question, and: over)
            hasSettled = true
            earlier = Set(audience.jobs(of: question)).union(stories.keys).map { id in
                let (job, story) = (jobs.job(id), stories[id])
                let isSettled = job != nil || story?.job.state.isFinished ?? over.contains(id)
                hasSettled = hasSettled && isSettled
                return self.earlier(id, question, job, story)
            }
        }
        return (earlier, stories)
    }

    private func earlier(_ id: String, _ question: Audience.Question, _ job: Job?, _ story: JobStory?) -> EarlierJob {
        var earlier: EarlierJob
        if let story {
            earlier = EarlierJob(story, isRunning: job != nil)
        } else {
            let changedAt = audience.changedAt(id) ?? clock.now
            earlier = EarlierJob(
                id: id, fingerprint: question.fingerprint, state: job == nil ? .boughtNothing : .running,
                acceptedAt: job?.acceptedAt ?? changedAt, endedAt: changedAt)
        }
        earlier.isOwed = audience.isOwed(id)
        earlier.isReplaced = audience.replacement(of: id) != nil
        earlier.retryCount = audience.retryCount(of: id)
        return earlier
    }

    // MARK: Both

    private func start(_ arrival: Arrival) throws(GatewayError) -> Job {
        if let refusal = arrival.refusal { throw refusal }
        return try jobs.start(arrival.submission, id: arrival.id, key: arrival.key, with: arrival.fulfilment)
    }

    /// Waits with a job; `nil` when it had been told to stop, and has ended by now: what to do is to be decided anew.
    private func join(_ job: Job) async throws(GatewayError) -> Admission? {
        guard job.isCancelled else { return .joined(job) }
        _ = try await job.wait()
        return nil
    }

    /// A story that has its end; one that has none yet may have got it since it was read.
    private func settled(_ story: JobStory) async throws(GatewayError) -> JobStory {
        guard !story.job.state.isFinished else { return story }
        guard let now = try await self.story(of: story.job.id), now.job.state.isFinished else {
            throw .endingPending(story.job.id)
        }
        return now
    }

    private func story(of jobID: String) async throws(GatewayError) -> JobStory? {
        do { return try await ledger.job(jobID) } catch { throw unreadable(error) }
    }

    private func newest(_ name: Jobs.Name) async throws(GatewayError) -> JobStory? {
        do { return try await ledger.job(idempotencyKey: name.idempotencyKey, keyID: name.keyID) } catch {
            throw unreadable(error)
        }
    }

    /// The newest jobs that asked for the same, and others of which that is known, also when they are too old or too many
    /// to be among those; a job that its client gave a name is found by that alone.
    private func stories(
        of question: Audience.Question, and known: Set<String>
    ) async throws(GatewayError) -> [String: JobStory] {
        do {
            let newest = try await ledger.jobs(
                fingerprint: question.fingerprint, keyID: question.keyID, since: clock.now - Self.lookback,
                limit: Self.lookbackLimit)
            let others = known.subtracting(newest.map(\.job.id)).filter { audience.replacement(of: $0) == nil }
            let stories = newest + (others.isEmpty ? [] : try await ledger.jobs(others.sorted()))
            return Dictionary(uniqueKeysWithValues: stories.map { ($0.job.id, $0) })
                .filter { $0.value.job.idempotencyKey == nil }
        } catch {
            throw unreadable(error)
        }
    }

    private func unreadable(_ error: any Error) -> GatewayError {
        log.error("cannot read the ledger", ["error": "\(error)"])
        return .internalFailure("The gateway cannot read its database, so nothing was bought. Try again later.")
    }
}

extension EarlierJob {
    /// A job under way that may have no row yet.
    @EventLoop fileprivate init(_ job: Job) {
        self.init(
            id: job.id, fingerprint: job.submission?.fingerprint, state: .running, acceptedAt: job.acceptedAt)
    }

    fileprivate init(_ story: JobStory, isRunning: Bool) {
        self.init(
            id: story.job.id, fingerprint: story.job.fingerprint,
            state: isRunning ? .running : story.boughtNothing ? .boughtNothing : .settled,
            acceptedAt: story.job.acceptedAt, endedAt: story.job.finishedAt)
    }
}
