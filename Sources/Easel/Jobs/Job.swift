import LibEvent

/// One request being worked on.
///
/// It belongs to no connection: when its client leaves, it goes on.
@EventLoop
final class Job {
    let id: String
    let keyID: String
    let acceptedAt: Timestamp
    /// What its client asked for; `nil` after a restart, which leaves only the ledger's rows of it.
    let submission: Submission?
    /// How the job ended, once that is written down.
    let ending = Promise<JobEnding>()
    /// What the provider shows before it is done.
    private(set) lazy var previews = Previews()
    /// Comes as soon as the job is in the ledger.
    let receipt = Promise<Void>()
    /// Comes when somebody wants the job to stop.
    let cancellation = Promise<Void>()
    /// Comes when nothing more may be bought for the job: it is to stop, or the whole gateway is.
    let hold = Promise<Void>()
    /// Clients who wait for it; counted where the job is to stop when there are none.
    var clients = 0
    /// Whether a client was told the job's id, and may come back for it.
    var isPromised = false
    /// How far it is, in the ledger's words.
    var state = JobState.accepted
    /// Comes, with the reason, when it turns out that the job cannot be stopped.
    private(set) lazy var cancellationRefusal = Promise<String>()
    /// What clients are told who cannot wait for the end.
    private(set) var lateness: GatewayError?
    private var impatience: Alarm?

    init(id: String, keyID: String, acceptedAt: Timestamp, submission: Submission?) {
        self.id = id
        self.keyID = keyID
        self.acceptedAt = acceptedAt
        self.submission = submission
        cancellation.passOn(to: hold)
    }

    var isCancelled: Bool { cancellation.value != nil }
    var isHeld: Bool { hold.value != nil }

    /// Ends the job for whoever waits.
    func end(_ ending: JobEnding) {
        impatience = nil
        self.ending.fulfil(ending)
    }

    /// Waits for the end.
    ///
    /// - Throws: What those are told who are not to wait for it any longer, or that the waiting task was cancelled.
    func wait() async throws(GatewayError) -> JobEnding {
        if let ending = ending.value { return ending }
        if let lateness { throw lateness }
        if let ending = await ending.wait() { return ending }
        throw Task.isCancelled ? .clientLeft() : lateness ?? .clientLeft()
    }

    /// After a while, sends away whoever still waits: the job goes on without them.
    func becomeLate(
        after patience: Duration, _ clock: WallClock, _ error: @escaping @Sendable (_ id: String) -> GatewayError
    ) {
        guard impatience == nil else { return }
        impatience = clock.alarm(after: patience) { [unowned self] in sendAway(error(id)) }
    }

    /// Leaves the job to the next start of the gateway, and tells whoever waits where to ask for it.
    func park() {
        hold.fulfil(())
        // What the ledger does not have has not been bought, and is not going to be.
        sendAway(receipt.value == nil ? .stopping() : .parked(id))
    }

    private func sendAway(_ error: GatewayError) {
        lateness = error
        ending.release()
    }
}

/// How a job ended.
indirect enum JobEnding: Sendable {
    case done(JobStory)
    case failed(GatewayError)
}

/// Where a job's time went.
struct Timings: Sendable {
    /// Until the provider had answered.
    var upstream: Duration = .zero
    /// Until the images were stored.
    var storing: Duration = .zero
}

extension JobStory {
    /// The time of the last attempt.
    var timings: Timings {
        guard let attempt = attempts.last, let answered = attempt.answeredAt else { return Timings() }
        return Timings(
            upstream: answered - attempt.submittedAt, storing: (job.finishedAt ?? answered) - answered)
    }
}
