import Files
import HTTP
import HTTPServer
import LibEvent

/// Where clients hear of their jobs: by waiting for one, by asking for it, or by stopping it.
@EventLoop
final class JobDesk {
    let configuration: Configuration
    let ledger: Ledger
    let jobs: Jobs
    let files: FileServer
    let clock: WallClock
    let log: Log

    init(
        configuration: Configuration, ledger: Ledger, jobs: Jobs, files: FileServer, clock: WallClock, log: Log
    ) {
        self.configuration = configuration
        self.ledger = ledger
        self.jobs = jobs
        self.files = files
        self.clock = clock
        self.log = log
    }

    /// A client with a request for images that has become a job, or turned out to be one already.
    final class Visit: Sendable {
        let admission: Reception.Admission
        let submission: Submission
        let patience: Patience

        init(_ admission: Reception.Admission, _ submission: Submission, _ patience: Patience) {
            self.admission = admission
            self.submission = submission
            self.patience = patience
        }

        /// The job under way; `nil` when it is over already.
        fileprivate var job: Job? {
            switch admission {
            case .started(let job), .joined(let job): job
            case .repeated: nil
            }
        }
    }

    /// Answers a request for images, with the id of its job also where that fails.
    func answer(_ visit: Visit, _ peer: Peer) async -> Response {
        var ending: JobEnding?
        if let job = visit.job {
            if job.submission?.stopsWhenAbandoned == true { watch(peer, of: job) }
            if !visit.submission.order.isStreamed { ending = await wait(for: job, within: visit.patience.limit) }
        }
        return await answer(visit, ending)
    }

    /// Answers when there is nothing more to wait for.
    ///
    /// Not inlined: what answering takes would take up memory for as long as the job is waited for.
    @inline(never)
    private func answer(_ visit: Visit, _ ending: JobEnding?) async -> Response {
        var response: Response
        do throws(GatewayError) {
            switch visit.admission {
            case .started(let job), .joined(let job): response = try await self.response(visit, job, ending)
            case .repeated(let story): response = try await tellAgain(story.value, visit.submission)
            }
        } catch {
            response = Response(error)
        }
        response.fields["x-request-id"] = visit.admission.jobID
        if visit.admission.isRepetition { response.fields["easel-replayed"] = "true" }
        response.fields["preference-applied"] = visit.patience.applied(isAccepted: response.status == .accepted)
        return response
    }

    private func response(
        _ visit: Visit, _ job: Job, _ ending: JobEnding?
    ) async throws(GatewayError) -> Response {
        let order = visit.submission.order
        if order.isStreamed {
            return try await StreamedAnswer(of: job, to: order, configuration, files, clock).response()
        }
        switch ending {
        case .done(let story): return try await handOver(story, visit.submission.delivery)
        case .failed(let error): throw error
        case nil: return try await accepted(job)
        }
    }

    /// A job as its owner may see it; another key's job does not exist.
    func show(_ id: String, to caller: KeyRecord) async throws(GatewayError) -> Response {
        JobAnswer.response(try await story(of: id, jobs.job(id), caller), configuration)
    }

    /// What is known of a job: by its row, or by the job itself while it has none yet.
    func story(of id: String, _ job: Job?, _ caller: KeyRecord) async throws(GatewayError) -> JobStory {
        var story = try await row(of: id)
        // It may have been written just now.
        if story == nil, job?.receipt.value != nil { story = try await row(of: id) }
        guard let story = story ?? job.flatMap({ JobStory(ofUnwritten: $0) }), story.job.keyID == caller.id else {
            throw .unknownJob(id)
        }
        return story
    }

    private func row(of id: String) async throws(GatewayError) -> JobStory? {
        do { return try await ledger.job(id) } catch {
            log.error("cannot read the ledger", ["error": "\(error)"])
            throw .internalFailure("The gateway cannot read its database.", shouldRetry: false)
        }
    }

    // MARK: Waiting

    /// Waits for the end of a job; `nil` when the client has waited as long as it is to, and the job is in the ledger.
    private func wait(for job: Job, within limit: Duration?) async -> JobEnding? {
        do throws(GatewayError) {
            guard let limit else { return try await job.wait() }
            return try await wait(for: job, within: limit)
        } catch {
            return .failed(error)
        }
    }

    private func wait(for job: Job, within limit: Duration) async throws(GatewayError) -> JobEnding? {
        let outcome = Promise<Result<JobEnding?, GatewayError>>()
        let watches = [
            EventLoop.spawn {
                do throws(GatewayError) { outcome.fulfil(.success(try await job.wait())) } catch {
                    // Who may come back is told where rather than sent away.
                    outcome.fulfil(job.receipt.value == nil ? .failure(error) : .success(nil))
                }
            },
            EventLoop.spawn {
                if limit > .zero { try await self.clock.alarm(after: limit) }
                // Nobody is told of a job that a crash could take back.
                if await job.receipt.wait() != nil { outcome.fulfil(.success(nil)) }
            },
        ]
        defer { for watch in watches { watch.cancel() } }
        guard let outcome = await outcome.wait() else { throw .clientLeft() }
        return try outcome.get()
    }

    private func accepted(_ job: Job) async throws(GatewayError) -> Response {
        job.isPromised = true
        guard let story = try await row(of: job.id) else { throw .unknownJob(job.id) }
        return JobAnswer.accepted(story, JobAnswer.json(story, configuration))
    }

    /// Stops a job when the last client that waits for it has left, unless somebody was told where to come back for it.
    @inline(never)
    private func watch(_ peer: Peer, of job: Job) {
        job.clients += 1
        let watch = EventLoop.spawn {
            guard await peer.departure() else { return }
            job.clients -= 1
            if job.clients == 0, !job.isPromised, job.lateness == nil { await self.stop(job) }
        }
        EventLoop.spawn {
            _ = await job.ending.wait()
            watch.cancel()
        }
    }

    // MARK: Handing over

    private func tellAgain(_ story: JobStory, _ submission: Submission) async throws(GatewayError) -> Response {
        if let error = GatewayError(of: story.job) { throw error }
        guard story.images.count >= story.job.images else { throw .imagesExpired() }
        if submission.order.isStreamed {
            return try await StreamedAnswer(of: story, to: submission.order, configuration, files, clock).response()
        }
        return try await handOver(story, submission.delivery)
    }

    private func handOver(_ story: JobStory, _ delivery: Submission.Delivery) async throws(GatewayError) -> Response {
        do { return try await ImagesAnswer(story, delivery, configuration, files).response } catch {
            log.error("stored image cannot be read", ["request.id": story.job.id, "error": "\(error)"])
            throw .failureAfterPurchase("The image is stored, but could not be read back.")
        }
    }
}

extension Reception.Admission {
    /// The job that its client hears of.
    var jobID: String {
        switch self {
        case .started(let job), .joined(let job): job.id
        case .repeated(let story): story.value.job.id
        }
    }

    fileprivate var isRepetition: Bool {
        if case .started = self { false } else { true }
    }
}

extension JobStory {
    /// A job under way that has no row yet, or that ended before it got one; `nil` for one of an earlier run.
    @EventLoop init?(ofUnwritten job: Job) {
        guard let submission = job.submission else { return nil }
        var record = JobRecord(job, submission)
        record.state = .accepted
        if case .failed(let error) = job.ending.value {
            record.state = job.isCancelled ? .cancelled : .failed
            record.error = error.json.text
            record.errorStatus = error.status.rawValue
            record.cost = Money(microunits: 0)
        }
        self.init(job: record, keyName: "", attempts: [], images: [])
    }
}
