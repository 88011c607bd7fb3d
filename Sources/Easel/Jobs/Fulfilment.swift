import Crypto
import HTTP
import JSON
import LibEvent

/// Works on a job from its first row to its last: choose, write down, buy, store, write down.
@EventLoop
final class Fulfilment {
    private let ledger: Ledger
    private let purchases: Purchases
    private let inputs: Inputs
    private let results: Results
    private let configuration: Configuration
    private let clock: WallClock
    private let log: Log

    /// How long a request waits for results that the provider has made but that cannot be fetched.
    static let storingPatience = Duration.seconds(60)

    init(
        ledger: Ledger, purchases: Purchases, inputs: Inputs, results: Results, configuration: Configuration,
        clock: WallClock, log: Log
    ) {
        self.ledger = ledger
        self.purchases = purchases
        self.inputs = inputs
        self.results = results
        self.configuration = configuration
        self.clock = clock
        self.log = log
    }

    /// Brings a job to its end; whatever goes wrong is in the ending.
    func fulfil(_ job: Job) async -> JobEnding {
        let preparation = InputPreparation(for: job.submission, inputs)
        defer { preparation.end() }
        do throws(GatewayError) {
            let candidates = try Candidates(for: job, configuration, preparation)
            let finished = try await buy(job, candidates)
            log.info(
                "job done",
                [
                    "request.id": job.id, "provider": finished.provider, "model": finished.record.model,
                    "images": "\(finished.images.count)", "bytes": "\(finished.record.imageLength)",
                    "cost": finished.record.cost?.description ?? "unknown",
                    "upstream.ms": "\(finished.timings.upstream.milliseconds)",
                    "storing.ms": "\(finished.timings.storing.milliseconds)",
                ])
            return .done(finished)
        } catch {
            log.info(
                "job failed",
                ["request.id": job.id, "code": error.code ?? "", "status": "\(error.status.rawValue)"])
            return .failed(error)
        }
    }

    /// Tries the candidates in order, the next one only when the one before it provably bought nothing.
    private func buy(_ job: Job, _ candidates: Candidates) async throws(GatewayError) -> FinishedJob {
        var record = JobRecord(job)
        var refused: AttemptRecord?
        var ordinal = 0
        var next = await candidates.next()
        while let candidate = next {
            ordinal += 1
            var attempt = AttemptRecord(
                jobID: job.id, ordinal: ordinal, provider: candidate.route.provider, model: candidate.route.model,
                state: .submitted, submittedAt: clock.now)
            record.report = candidate.plan.report.json.text
            try await writeDown(attempt, of: record, after: refused)

            let purchase = await purchases.make(candidate, &attempt)
            attempt.answeredAt = clock.now
            switch purchase {
            case .delivered(let delivery):
                return try await store(delivery, of: job, record, attempt, candidate)
            case .failed(let failure):
                attempt.state = failure.boughtNothing ? .refused : .unknown
                attempt.failure = failure.json.text
                next = failure.mayMoveOn ? await candidates.next() : nil
                guard next != nil else {
                    throw await fail(record, attempt, GatewayError(failure, provider: candidate.route.provider))
                }
                log.warning(
                    "provider refused, trying the next route",
                    ["request.id": job.id, "provider": attempt.provider, "failure": "\(failure.kind)"])
                refused = attempt
            }
        }
        throw candidates.refusal
    }

    /// The attempt is on disk before the first byte of it goes upstream.
    private func writeDown(
        _ attempt: AttemptRecord, of record: JobRecord, after refused: AttemptRecord?
    ) async throws(GatewayError) {
        do {
            if let refused {
                try await ledger.begin(attempt, after: refused)
            } else {
                try await ledger.accept(record, attempt)
            }
        } catch {
            log.error("cannot write to the ledger", ["request.id": record.id, "error": "\(error)"])
            throw .internalFailure("The request could not be written down, so nothing was bought. Try again later.")
        }
    }

    private func store(
        _ delivery: Delivery, of job: Job, _ record: JobRecord, _ attempt: AttemptRecord, _ candidate: Candidate
    ) async throws(GatewayError) -> FinishedJob {
        var (record, attempt) = (record, attempt)
        attempt.upstreamID = delivery.requestID
        attempt.state = .done
        await note(attempt, pending: delivery.pendingJSON)

        let impatience = answerLater(job)
        defer { impatience.cancel() }
        let kept = await keepAll(delivery, job.id, expiry: candidate.dialect.expires)
        defer { for image in kept.images { results.blobs.release(image.blob.digest) } }
        record.cost = candidate.route.price?.times(delivery.images.count)
        guard !kept.images.isEmpty else {
            let reason = kept.missing.first ?? "it delivered none"
            throw await fail(record, attempt, .resultUnavailable(attempt.provider, reason))
        }
        record.state = .done
        record.finishedAt = clock.now
        record.images = kept.images.count
        record.imageLength = kept.images.reduce(0) { $0 + $1.blob.length }
        do { try await ledger.finish(record, attempt, images: kept.images) } catch {
            log.error("cannot write to the ledger", ["request.id": job.id, "error": "\(error)"])
            throw .failureAfterPurchase("The images were made and stored, but could not be written down.")
        }
        return FinishedJob(
            record: record, images: kept.images, provider: attempt.provider, upstreamModel: attempt.model,
            upstreamRequestID: delivery.requestID, report: candidate.plan.report,
            missing: delivery.missing + kept.missing, usage: delivery.usage,
            timings: Timings(
                upstream: (attempt.answeredAt ?? clock.now) - attempt.submittedAt,
                storing: clock.now - (attempt.answeredAt ?? clock.now)))
    }

    /// Stores every image of a delivery side by side; the order stays the provider's.
    private func keepAll(
        _ delivery: Delivery, _ jobID: String, expiry: Duration?
    ) async -> (images: [ImageRecord], missing: [String]) {
        let tasks = delivery.images.map { image in
            EventLoop.spawn { () -> Result<BlobRecord, FetchFailure> in
                do throws(FetchFailure) {
                    return .success(
                        try await self.results.keep(image.image, of: image.files, jobID: jobID, expiry: expiry))
                } catch {
                    return .failure(error)
                }
            }
        }
        var images: [ImageRecord] = []
        var missing: [String] = []
        for (task, image) in zip(tasks, delivery.images) {
            switch try? await task.value {
            case .success(let blob):
                images.append(
                    ImageRecord(
                        token: Random.token(bytes: 24), jobID: jobID, position: images.count, blob: blob,
                        seed: image.seed, revisedPrompt: image.image.revisedPrompt, createdAt: clock.now))
            case .failure(let failure):
                log.error("result lost", ["request.id": jobID, "reason": failure.reason])
                missing.append(failure.reason)
            case nil: missing.append("the gateway stopped")
            }
        }
        return (images, missing)
    }

    /// Tells whoever waits where to ask for the images, should fetching them take long; the job itself goes on.
    private func answerLater(_ job: Job) -> Task<Void, any Error> {
        EventLoop.spawn {
            try await EventLoop.sleep(for: Self.storingPatience)
            job.ending.fulfil(.failed(.resultPending(job.id)))
        }
    }

    /// Notes progress that a restart could use; the job does not depend on it.
    private func note(_ attempt: AttemptRecord, pending: String?) async {
        guard let pending else { return }
        var attempt = attempt
        attempt.pending = pending
        do { try await ledger.record(attempt, state: .storing) } catch {
            log.error("cannot write to the ledger", ["request.id": attempt.jobID, "error": "\(error)"])
        }
    }

    /// Ends a job without images, and says what its client is told.
    private func fail(_ record: JobRecord, _ attempt: AttemptRecord, _ error: GatewayError) async -> GatewayError {
        var record = record
        record.state = attempt.state == .unknown ? .unknown : .failed
        record.finishedAt = clock.now
        record.error = error.json.text
        if attempt.state == .refused { record.cost = Money(microunits: 0) }
        do { try await ledger.finish(record, attempt, images: []) } catch {
            log.error("cannot write to the ledger", ["request.id": record.id, "error": "\(error)"])
        }
        return error
    }
}

extension JobRecord {
    fileprivate init(_ job: Job) {
        let order = job.submission.order
        var parameters = JSONObject()
        parameters["n"] = .integer(Int64(order.count))
        parameters["size"] = .string("\(order.size)")
        for (parameter, value) in order.parameters.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where parameter != .negativePrompt {
            parameters[parameter.rawValue] = value
        }
        self.init(
            id: job.id, keyID: job.keyID, operation: order.operation.rawValue, model: order.model, state: .submitted,
            parameters: JSONValue.object(parameters).text, promptCharacters: order.prompt.count,
            inputImages: order.images.count, wantedImages: order.count, acceptedAt: job.acceptedAt,
            requestLength: job.submission.requestLength)
    }
}
