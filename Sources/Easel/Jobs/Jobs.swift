import LibEvent

/// The jobs under way, and the door through which new ones come.
@EventLoop
final class Jobs {
    private let fulfilment: Fulfilment
    private let clock: WallClock
    private var running: [String: Job] = [:]
    private var isStopping = false
    private let idle = Promise<Void>()

    init(fulfilment: Fulfilment, clock: WallClock) {
        self.fulfilment = fulfilment
        self.clock = clock
    }

    var count: Int { running.count }

    /// Starts a job in a task of its own.
    func start(_ submission: Submission, id: String, key: KeyRecord) throws(GatewayError) -> Job {
        guard !isStopping else { throw .stopping() }
        let job = Job(id: id, keyID: key.id, submission: submission, acceptedAt: clock.now)
        running[id] = job
        EventLoop.spawn {
            job.ending.fulfil(await self.fulfilment.fulfil(job))
            self.leave(job)
        }
        return job
    }

    /// Takes no more jobs, and waits until those under way have ended.
    func drain() async {
        isStopping = true
        if !running.isEmpty { _ = await idle.wait() }
    }

    private func leave(_ job: Job) {
        running[job.id] = nil
        if isStopping, running.isEmpty { idle.fulfil(()) }
    }
}
