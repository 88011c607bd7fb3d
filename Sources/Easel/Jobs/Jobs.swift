import LibEvent

/// The jobs under way, and the door through which new ones come.
@EventLoop
final class Jobs {
    /// Works on jobs that nobody brings another for; those under way stay with the one they began with.
    var fulfilment: Fulfilment
    /// What each key uses of its limits.
    let uses: KeyUses
    private let clock: WallClock
    private var running: [String: Job] = [:]
    /// The ids of running jobs by the names that their clients gave them.
    private var named: [Name: String] = [:]
    private var isStopping = false
    private let idle = Promise<Void>()

    /// A client's own name for its request.
    struct Name: Sendable, Hashable {
        var keyID: String
        var idempotencyKey: String
    }

    init(fulfilment: Fulfilment, clock: WallClock) {
        self.fulfilment = fulfilment
        self.clock = clock
        uses = KeyUses(clock: clock)
    }

    var count: Int { running.count }

    /// How many are how far.
    var states: [JobState: Int] {
        running.values.reduce(into: [:]) { states, job in states[job.state, default: 0] += 1 }
    }

    /// The job of an id, while it is under way.
    func job(_ id: String) -> Job? { running[id] }

    /// The job that a client has given this name, while it is under way; one of an earlier run is found by its row alone.
    func job(named name: Name) -> Job? { named[name].flatMap { running[$0] } }

    /// Starts a job in a task of its own.
    ///
    /// `fulfilment` is that of the configuration its request came in under, or the newest.
    ///
    /// - Throws: What the client is told when its key may have no more jobs or images now, or when the gateway stops.
    func start(
        _ submission: Submission, id: String, key: KeyRecord, with fulfilment: Fulfilment? = nil
    ) throws(GatewayError) -> Job {
        guard !isStopping else { throw .stopping() }
        try uses.begin(images: submission.order.count, of: key)
        let job = Job(id: id, keyID: key.id, acceptedAt: clock.now, submission: submission)
        let fulfilment = fulfilment ?? self.fulfilment
        begin(job)
        EventLoop.spawn { self.end(job, await fulfilment.fulfil(job, submission)) }
        return job
    }

    /// Takes up the jobs that an earlier run of the process left behind, each where the ledger last saw it.
    func resume(_ stories: [JobStory]) {
        let fulfilment = fulfilment
        for story in stories {
            let job = Job(id: story.job.id, keyID: story.job.keyID, acceptedAt: story.job.acceptedAt, submission: nil)
            job.state = story.job.state
            job.receipt.fulfil(())
            uses.resume(keyID: job.keyID)
            if story.job.stopAskedAt != nil { job.cancellation.fulfil(()) }
            begin(job)
            EventLoop.spawn { self.end(job, await fulfilment.resume(job, from: story)) }
        }
    }

    /// Takes no more jobs, and waits until those under way have ended.
    func drain() async {
        isStopping = true
        if !running.isEmpty { _ = await idle.wait() }
    }

    /// Lets nothing more be bought: jobs of which nothing is under way at a provider end, and the others go on.
    func hold() {
        isStopping = true
        for job in inOrder { job.hold.fulfil(()) }
    }

    /// Leaves the jobs under way to the next start of the process, which finds them in the ledger.
    func park() {
        hold()
        for job in inOrder { job.park() }
    }

    private func name(of job: Job) -> Name? {
        job.submission?.idempotencyKey.map { Name(keyID: job.keyID, idempotencyKey: $0) }
    }

    /// The jobs under way, oldest first.
    private var inOrder: [Job] { running.values.sorted { $0.id < $1.id } }

    private func begin(_ job: Job) {
        running[job.id] = job
        if let name = name(of: job) { named[name] = job.id }
    }

    private func end(_ job: Job, _ ending: JobEnding) {
        job.end(ending)
        running[job.id] = nil
        uses.end(keyID: job.keyID)
        if let name = name(of: job), named[name] == job.id { named[name] = nil }
        if isStopping, running.isEmpty { idle.fulfil(()) }
    }
}
