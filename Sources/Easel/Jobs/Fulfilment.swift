import Crypto
import HTTP
import JSON
import LibEvent

/// Works on a job from its first row to its last: choose, write down, buy, store, write down.
@EventLoop
final class Fulfilment {
    private let means: AttemptRun.Means
    private let inputs: Inputs
    private let configuration: Configuration
    private let planners: Planners
    /// Draws the first of routes that have weights.
    private var random: any RandomNumberGenerator

    /// How long an ending that cannot be written down is tried again: as long as somebody may yet make room on the disk.
    static let settlingPatience = Duration.seconds(86_400)

    /// Why an image is missing whose request had been sent when the process ended.
    private static let stoppedTooSoon =
        "The gateway stopped before the provider's answer came; whether it charged is not known."

    init(
        means: AttemptRun.Means, inputs: Inputs, configuration: Configuration,
        random: any RandomNumberGenerator = SystemRandomNumberGenerator()
    ) {
        self.means = means
        self.inputs = inputs
        self.configuration = configuration
        planners = Planners(configuration)
        self.random = random
    }

    /// Brings a job to its end; whatever goes wrong is in the ending.
    func fulfil(_ job: Job, _ submission: Submission) async -> JobEnding {
        let preparation = InputPreparation(for: submission, inputs)
        defer { preparation.end() }
        do throws(GatewayError) {
            let (candidates, rows, start) = try await apart { () throws(GatewayError) in
                try await self.means.room.check()
                if submission.wantsReceipt { try await self.accept(job, submission) }
                let candidates = Candidates(
                    for: submission, jobID: job.id, along: try self.routes(for: submission), self.planners,
                    preparation)
                let rows = Rows(job: self.record(of: job, submission))
                return (candidates, rows, try await self.start(after: nil, of: job, candidates, rows))
            }
            return try await buy(job, candidates, rows, start)
        } catch {
            return await refuse(job, submission, error)
        }
    }

    /// Goes on with a job of an earlier run, as far as the ledger knows it.
    ///
    /// Queue tasks are followed and results fetched; what had been sent without an answer stays unknown, and nothing is
    /// bought again.
    func resume(_ job: Job, from story: JobStory) async -> JobEnding {
        guard let attempt = story.attempts.last, attempt.state == .submitted else {
            var record = story.job
            record.cost = Money(microunits: 0)
            return await settle(
                job.isCancelled
                    ? Conclusion(record, nil, .cancelled, .cancelled())
                    : Conclusion(record, nil, .failed, .stoppedBeforePurchase()), of: job)
        }
        guard let destination = Destination(of: attempt, configuration, model: story.job.model) else {
            return await endWithoutProvider(job, story, attempt)
        }
        let run = AttemptRun(attempt, of: job, at: destination, means)
        await run.run(kept: story.images)
        var outcome = run.outcome
        // Of requests that had left no trace yet, only the number of images tells.
        let untold = story.job.wantedImages - outcome.images.count - outcome.allMissing.count
        outcome.missing += Array(repeating: Self.stoppedTooSoon, count: max(0, untold))
        outcome.doubtful = max(0, story.job.wantedImages - outcome.delivered - outcome.refused)
        means.log.info("resumed job", ["request.id": job.id, "images": "\(outcome.images.count)"])
        return await settle(
            conclusion(of: job, story.job, run.record, outcome, price: destination.route.price), of: job)
    }

    /// Ends a job whose provider the owner has removed: with the images it has, if any.
    private func endWithoutProvider(_ job: Job, _ story: JobStory, _ attempt: AttemptRecord) async -> JobEnding {
        let error = GatewayError.providerRemoved(attempt.provider)
        guard !story.images.isEmpty else {
            var attempt = attempt
            attempt.state = .unknown
            return await settle(Conclusion(story.job, attempt, .unknown, error), of: job)
        }
        var outcome = AttemptOutcome(kept: story.images)
        outcome.missing = [error.message]
        outcome.doubtful = max(0, story.job.wantedImages - outcome.delivered)
        let price = configuration.model(named: story.job.model)?.routes.first { $0.provider == attempt.provider }?.price
        return await settle(conclusion(of: job, story.job, attempt, outcome, price: price), of: job)
    }

    /// The routes that a client's order may take, in the order in which it tries them.
    ///
    /// - Throws: What the client is told when every provider is left alone for now: nothing is written down or sent.
    private func routes(for submission: Submission) throws(GatewayError) -> [Configuration.Route] {
        let name = submission.order.model
        guard let model = configuration.model(named: name) else { throw .unknownModel(name, suggestion: nil) }
        let routes = try model.routes(for: submission)
        let order = RouteOrder(routes, pauses: { means.connections[$0]?.pause }, using: &random)
        if let pause = order.pause { throw .providersPaused(model: name, for: pause) }
        return order.routes
    }

    /// Tries the candidates in order, beginning with the attempt that was made first; the next one only when the one
    /// before it provably bought nothing.
    ///
    /// Inlined, for one frame less on the stack of a task that waits here.
    @inline(__always)
    private func buy(
        _ job: Job, _ candidates: Candidates, _ rows: Rows, _ first: Start?
    ) async throws(GatewayError) -> JobEnding {
        var start = first
        var run: AttemptRun?
        while case .begun(let next)? = start {
            run = next
            await next.run()
            guard !job.isHeld, next.mayBeFollowed else { break }
            start = try await apart { () throws(GatewayError) in
                try await self.start(after: next, of: job, candidates, rows)
            }
        }
        if case .failed(let ending)? = start { return ending }
        if let run { return await conclude(job, rows, run) }
        throw job.isCancelled ? .cancelled() : job.isHeld ? .stopping() : candidates.refusal
    }

    /// The rows of a job that is being worked on; in one place, for what waits should not hold copies of them.
    @EventLoop
    private final class Rows {
        var job: JobRecord
        /// The last attempt, which has bought nothing.
        var refused: Boxed<AttemptRecord>?

        init(job: JobRecord) { self.job = job }
    }

    /// What came of making another attempt.
    private enum Start {
        /// It is on disk, and nothing of it has gone upstream.
        case begun(AttemptRun)
        /// It could not be written down, and the one before it has ended the job.
        case failed(JobEnding)
    }

    /// Makes the next attempt; `nil` when there is no other candidate.
    private func start(
        after run: AttemptRun?, of job: Job, _ candidates: Candidates, _ rows: Rows
    ) async throws(GatewayError) -> Start? {
        guard let candidate = await candidates.next(), !job.isHeld else { return nil }
        if let run { refuse(run, rows) }
        rows.job.report = candidate.plan.report.json.text
        let next = attempt((rows.refused?.value.ordinal ?? 0) + 1, of: job, candidate)
        if let error = await writeDown(next.record, of: job, rows) {
            guard let refused = rows.refused?.value else { throw error }
            rows.job.cost = Money(microunits: 0)
            let failure = run?.outcome.failure?.kind
            return .failed(await settle(Conclusion(rows.job, refused, .failed, error, failure), of: job))
        }
        if let refused = rows.refused?.value { means.meter.counts.attemptEnded(refused, run?.outcome.failure?.kind) }
        job.state = .submitted
        job.receipt.fulfil(())
        return .begun(next)
    }

    private func attempt(_ ordinal: Int, of job: Job, _ candidate: Candidate) -> AttemptRun {
        let route = candidate.destination.route
        let attempt = AttemptRecord(
            jobID: job.id, ordinal: ordinal, provider: route.provider, model: route.model, state: .submitted,
            submittedAt: means.clock.now)
        return AttemptRun(attempt, of: job, at: candidate.destination, to: candidate.plan, means)
    }

    private func refuse(_ run: AttemptRun, _ rows: Rows) {
        let failure = run.outcome.failure
        means.log.warning(
            "provider refused, trying the next route",
            [
                "request.id": run.record.jobID, "provider": run.record.provider,
                "failure": failure.map { "\($0.kind)" } ?? "",
            ])
        var record = run.record
        record.state = .refused
        record.failure = failure?.json.text
        rows.refused = .value(record)
    }

    // MARK: Writing down

    /// A client that will not wait has the job's row before it is told the job's id.
    private func accept(_ job: Job, _ submission: Submission) async throws(GatewayError) {
        var record = record(of: job, submission)
        record.state = .accepted
        do { try await means.ledger.accept(record, nil) } catch { throw cannotWrite(error, record) }
        job.receipt.fulfil(())
    }

    private func writeDown(_ attempt: AttemptRecord, of job: Job, _ rows: Rows) async -> GatewayError? {
        do {
            if job.receipt.value != nil {
                try await means.ledger.begin(attempt, after: rows.refused?.value)
            } else {
                try await means.ledger.accept(rows.job, attempt)
            }
            return nil
        } catch {
            return cannotWrite(error, rows.job)
        }
    }

    /// The first row of a job, which reserves the most that the job can cost.
    private func record(of job: Job, _ submission: Submission) -> JobRecord {
        var record = JobRecord(job, submission)
        record.reserved = configuration.model(named: submission.order.model)?.most(for: submission)
        return record
    }

    private func cannotWrite(_ error: any Error, _ record: JobRecord) -> GatewayError {
        if let error = error as? BudgetExceeded {
            means.log.info("budget exceeded", ["request.id": record.id, "key": record.keyID])
            return .budgetExceeded(error, currency: configuration.currency, at: means.clock.now)
        }
        means.log.error("cannot write to the ledger", ["request.id": record.id, "error": "\(error)"])
        return .internalFailure("The request could not be written down, so nothing was bought. Try again later.")
    }

    // MARK: Ending

    /// Ends a job with what came of its last attempt.
    @inline(never)
    private func conclude(_ job: Job, _ rows: Rows, _ run: AttemptRun) async -> JobEnding {
        let price = run.destination.route.price
        return await settle(conclusion(of: job, rows.job, run.record, run.outcome, price: price), of: job)
    }

    private func conclusion(
        of job: Job, _ record: JobRecord, _ attempt: AttemptRecord, _ outcome: AttemptOutcome, price: Price?
    ) -> Conclusion {
        var (record, attempt) = (record, attempt)
        if let failure = outcome.failure {
            attempt.state = failure.boughtNothing ? .refused : .unknown
            attempt.failure = failure.json.text
            if failure.boughtNothing { record.cost = Money(microunits: 0) }
            // The request to stop may have been made before a restart, or at the provider.
            if failure.isCancellation || job.isCancelled && failure.boughtNothing {
                return Conclusion(
                    record, attempt, .cancelled, .cancelled(boughtNothing: failure.boughtNothing), failure.kind)
            }
            if failure.mayMoveOn, job.isHeld { return Conclusion(record, attempt, .failed, .stopping(), failure.kind) }
            let error = GatewayError(failure, provider: attempt.provider)
            return Conclusion(record, attempt, failure.boughtNothing ? .failed : .unknown, error, failure.kind)
        }
        attempt.state = .done
        record.cost = price?.cost(of: outcome, for: record)
        record.missing = outcome.allMissing
        guard !outcome.images.isEmpty else {
            let reason = outcome.missing.first ?? "it delivered none"
            return Conclusion(record, attempt, .failed, .resultUnavailable(attempt.provider, reason))
        }
        record.state = .done
        record.images = outcome.images.count
        record.imageLength = outcome.images.reduce(0) { $0 + $1.blob.length }
        record.usage = outcome.usage
        return Conclusion(record, attempt, outcome)
    }

    /// Ends a job that has failed on its way to a provider.
    @inline(never)
    private func refuse(_ job: Job, _ submission: Submission, _ error: GatewayError) async -> JobEnding {
        means.meter.counts.refused(error)
        // Without a row there is nothing to settle: the client's answer is all there is.
        guard job.receipt.value != nil else {
            means.log.info("order refused", ["request.id": job.id, "code": error.code ?? ""])
            return .failed(error)
        }
        var record = JobRecord(job, submission)
        record.cost = Money(microunits: 0)
        return await settle(Conclusion(record, nil, job.isCancelled ? .cancelled : .failed, error), of: job)
    }

    /// How a job has ended, not written down yet; in one place, as the rows are.
    private final class Conclusion {
        var story: JobStory
        let error: GatewayError?
        /// Why its attempt bought nothing, or perhaps something.
        let failure: FailureKind?
        /// Images on disk that are held there until they are written down.
        let held: [Digest]

        init(_ record: JobRecord, _ attempt: AttemptRecord, _ outcome: AttemptOutcome) {
            story = JobStory(job: record, keyName: "", attempts: [attempt], images: outcome.images)
            error = nil
            failure = nil
            held = outcome.held
        }

        init(
            _ record: JobRecord, _ attempt: AttemptRecord?, _ state: JobState, _ error: GatewayError,
            _ failure: FailureKind? = nil
        ) {
            story = JobStory(job: record, keyName: "", attempts: attempt.map { [$0] } ?? [], images: [])
            story.job.state = state
            story.job.error = error.json.text
            story.job.errorStatus = error.status.rawValue
            self.error = error
            self.failure = failure
            held = []
        }
    }

    /// Writes down how a job ended, again and again until the ledger takes it: no client is told what is not there.
    private func settle(_ conclusion: Conclusion, of job: Job) async -> JobEnding {
        defer { for digest in conclusion.held { means.results.release(digest) } }
        let deadline = means.clock.now + Self.settlingPatience
        var pause = Duration.milliseconds(100)
        while true {
            conclusion.story.job.finishedAt = means.clock.now
            let story = conclusion.story
            do {
                try await means.ledger.finish(story.job, story.attempts.last, images: story.images)
                means.meter.counts.jobEnded(story, conclusion.failure, currency: configuration.currency)
                tell(of: story)
                return conclusion.error.map(JobEnding.failed) ?? .done(story)
            } catch {
                means.log.error("cannot write to the ledger", ["request.id": job.id, "error": "\(error)"])
                job.becomeLate(after: AttemptRun.storingPatience, means.clock, GatewayError.endingPending)
            }
            do { try await means.clock.sleep(for: pause) } catch { break }
            guard means.clock.now < deadline else { break }
            pause = min(pause * 2, .seconds(10))
        }
        return .failed(.failureAfterPurchase("How the job ended could not be written down."))
    }

    private func tell(of story: JobStory) {
        means.log.info(
            "job ended",
            [
                "request.id": story.job.id, "state": story.job.state.rawValue, "model": story.job.model,
                "provider": story.attempts.last?.provider ?? "", "images": String(story.job.images),
                "bytes": String(story.job.imageLength), "cost": story.job.cost?.description ?? "unknown",
                "upstream.ms": String(story.timings.upstream.milliseconds),
                "storing.ms": String(story.timings.storing.milliseconds),
                "status": story.job.errorStatus.map(String.init) ?? "",
            ])
    }
}

extension JobRecord {
    init(_ job: Job, _ submission: Submission) {
        let order = submission.order
        var parameters = JSONObject()
        parameters["n"] = .integer(Int64(order.count))
        parameters["size"] = .string(order.size.text)
        for (parameter, value) in order.parameters.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where parameter != .negativePrompt {
            parameters[parameter.rawValue] = value
        }
        self.init(
            id: job.id, keyID: job.keyID, operation: order.operation.rawValue, model: order.model, state: .submitted,
            parameters: JSONValue.object(parameters).text, promptCharacters: order.prompt.count,
            inputImages: order.images.count, wantedImages: order.count, acceptedAt: job.acceptedAt,
            requestLength: submission.requestLength)
        idempotencyKey = submission.idempotencyKey
        fingerprint = submission.fingerprint
    }
}
