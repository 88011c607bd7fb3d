import HTTP
import HTTPServer
import JSON
import LibEvent

extension JobDesk {
    /// How long a client that stops a job is kept waiting for what becomes of it.
    static let cancellingPatience = Duration.seconds(5)
    /// How long if it waits for a call that nobody can take back, unless that is yet to begin.
    static let callPatience = Duration.seconds(1)

    /// Stops a job if that is still possible, and says truthfully whether it was.
    func cancel(_ id: String, for caller: KeyRecord) async throws(GatewayError) -> Response {
        let job = jobs.job(id)
        var story = try await story(of: id, job, caller)
        guard let job, job.ending.value == nil else {
            return CancelAnswer(story, wasOver: true).response(story, configuration)
        }
        await stop(job)
        await settle(job, within: isCallUnderWay(story) ? Self.callPatience : Self.cancellingPatience)
        story = try await self.story(of: id, job, caller)
        return CancelAnswer(story, refusal: job.cancellationRefusal.value, isCallUnderWay: isCallUnderWay(story))
            .response(story, configuration)
    }

    /// Tells a job to stop, and writes that down for a restart.
    ///
    /// In this order: what of the job is written later than this is of one that buys nothing more.
    func stop(_ job: Job) async {
        job.cancellation.fulfil(())
        do { try await ledger.stop(job.id, at: clock.now) } catch {
            log.error("cannot write to the ledger", ["request.id": job.id, "error": "\(error)"])
        }
    }

    /// Waits until a job has ended that is to stop, or it turns out that it cannot.
    private func settle(_ job: Job, within limit: Duration) async {
        let isSettled = Promise<Void>()
        let watches = [
            EventLoop.spawn {
                _ = try? await job.wait()
                isSettled.fulfil(())
            },
            EventLoop.spawn {
                if await job.cancellationRefusal.wait() != nil { isSettled.fulfil(()) }
            },
            EventLoop.spawn {
                try await self.clock.alarm(after: limit)
                isSettled.fulfil(())
            },
        ]
        defer { for watch in watches { watch.cancel() } }
        _ = await isSettled.wait()
    }

    /// Whether a job waits for the answer of a call, which nobody can take back.
    private func isCallUnderWay(_ story: JobStory) -> Bool {
        guard story.job.state == .submitted, let attempt = story.attempts.last else { return false }
        return configuration.providers[attempt.provider]?.dialect.queue == nil
    }
}

/// What a client hears that has stopped a job, or tried to.
struct CancelAnswer: Sendable, Hashable {
    /// Whether it came in time; `nil` while that is not known.
    var isInTime: Bool?
    var message: String

    /// - Parameters:
    ///   - story: The job as it is now.
    ///   - refusal: Why the provider goes on.
    ///   - isCallUnderWay: Whether the job waits for a call that cannot be taken back.
    ///   - wasOver: Whether the job had ended before anybody wanted to stop it.
    init(_ story: JobStory, refusal: String? = nil, isCallUnderWay: Bool = false, wasOver: Bool = false) {
        let tooLate = wasOver ? "The job had ended before." : refusal ?? "The job ended before it could be stopped."
        let goesOn = "The job goes on, and its images will be kept."
        switch story.job.state {
        case .cancelled where story.boughtNothing:
            (isInTime, message) = (true, "The job was stopped before anything was bought.")
        case .cancelled:
            (isInTime, message) =
                (true, "The job was stopped. Whether the provider charges for what it had begun is not known.")
        case .done: (isInTime, message) = (false, "\(tooLate) Its images are kept.")
        case .failed where story.boughtNothing: (isInTime, message) = (false, "\(tooLate) Nothing was bought.")
        case .failed: (isInTime, message) = (false, tooLate)
        case .unknown:
            (isInTime, message) = (false, "\(tooLate) Whether the provider has charged for it is not known.")
        case .storing: (isInTime, message) = (false, "The provider has finished. \(goesOn)")
        case .submitted where isCallUnderWay:
            (isInTime, message) = (false, "The provider is at work on a call that cannot be taken back. \(goesOn)")
        case .accepted, .submitted:
            (isInTime, message) =
                refusal.map { (false, "\($0) \(goesOn)") }
                ?? (nil, "The job was told to stop. Whether that was in time, GET of the same address will tell.")
        }
    }

    func response(_ story: JobStory, _ configuration: Configuration) -> Response {
        var object = JobAnswer.json(story, configuration).object ?? [:]
        object["cancelled"] = .bool(isInTime == true)
        var account = object["easel"]?.object ?? [:]
        account["cancellation"] = ["in_time": isInTime.map(JSONValue.bool) ?? .null, "message": .string(message)]
        object["easel"] = .object(account)
        return isInTime == nil
            ? JobAnswer.accepted(story, .object(object)) : JobAnswer.response(story, .object(object), status: .ok)
    }
}
