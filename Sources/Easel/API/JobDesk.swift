import Files
import HTTP
import HTTPServer
import LibEvent

/// Where clients hear of their jobs: by waiting for one, or by asking for it.
@EventLoop
struct JobDesk {
    let configuration: Configuration
    let ledger: Ledger
    let jobs: Jobs
    let files: FileServer
    let clock: WallClock
    let log: Log

    /// Answers a request for images, with the id of its job also where that fails.
    func answer(_ admission: Reception.Admission, _ submission: Submission) async -> Response {
        var response: Response
        do throws(GatewayError) {
            switch admission {
            case .started(let job), .joined(let job): response = try await wait(for: job, submission)
            case .repeated(let story): response = try await tellAgain(story, submission)
            }
        } catch {
            response = Response(error)
        }
        response.fields["x-request-id"] = admission.jobID
        if admission.isRepetition { response.fields["easel-replayed"] = "true" }
        return response
    }

    /// A job as its owner may see it; another key's job does not exist.
    func show(_ id: String, to caller: KeyRecord) async throws(GatewayError) -> Response {
        let story: JobStory?
        do { story = try await ledger.job(id) } catch {
            log.error("cannot read the ledger", ["error": "\(error)"])
            throw .internalFailure("The gateway cannot read its database.")
        }
        guard let story, story.job.keyID == caller.id else { throw .unknownJob(id) }
        return JobAnswer.response(story, configuration)
    }

    // MARK: Waiting

    private func wait(for job: Job, _ submission: Submission) async throws(GatewayError) -> Response {
        if submission.order.isStreamed {
            return try await StreamedAnswer(of: job, to: submission.order, configuration, files, clock).response()
        }
        guard let ending = await job.ending.wait() else { throw job.lateness ?? .clientLeft() }
        switch ending {
        case .done(let story): return try await handOver(story, submission.delivery)
        case .failed(let error): throw error
        }
    }

    private func tellAgain(_ story: JobStory, _ submission: Submission) async throws(GatewayError) -> Response {
        if let error = GatewayError(of: story.job) { throw error }
        guard story.images.count >= story.job.images else { throw .imagesExpired() }
        if submission.order.isStreamed {
            return try await StreamedAnswer(of: story, to: submission.order, configuration, files, clock).response()
        }
        return try await handOver(story, submission.delivery)
    }

    private func handOver(_ story: JobStory, _ delivery: Submission.Delivery) async throws(GatewayError) -> Response {
        do throws(FileError) { return try await ImagesAnswer(story, delivery, configuration, files).response } catch {
            log.error("stored image cannot be read", ["request.id": story.job.id, "error": "\(error)"])
            throw .failureAfterPurchase("The image is stored, but could not be read back.")
        }
    }
}

extension Reception.Admission {
    /// The job that its client hears of.
    fileprivate var jobID: String {
        switch self {
        case .started(let job), .joined(let job): job.id
        case .repeated(let story): story.job.id
        }
    }

    fileprivate var isRepetition: Bool {
        if case .started = self { false } else { true }
    }
}
