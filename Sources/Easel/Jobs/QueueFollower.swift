import HTTPClient
import LibEvent

/// Polls a queue task to its end, and cancels it when its job is to stop.
///
/// Polls are free to repeat, so only the deadline ends them.
@EventLoop
final class QueueFollower {
    private let task: UpstreamTask
    private let destination: Destination
    private let connection: any ProviderConnection
    private let job: Job
    private let clock: WallClock
    private var pausing: Task<Void, any Error>?

    /// The pause before the first poll of a queue task, and the longest between two.
    static let pollPause = Duration.milliseconds(500)...Duration.seconds(5)
    /// The longest that a provider's own word for the pause is believed: a poll too many costs nothing.
    static let longestAskedPause = Duration.seconds(60)
    /// How often a request to cancel is sent before it is given up.
    static let cancelTries = 3

    init(
        _ task: UpstreamTask, at destination: Destination, _ connection: any ProviderConnection, for job: Job,
        clock: WallClock
    ) {
        self.task = task
        self.destination = destination
        self.connection = connection
        self.job = job
        self.clock = clock
    }

    /// Asks until the task has ended; `beforePoll` runs before each question.
    func follow(until deadline: Timestamp, beforePoll: @EventLoop () async -> Void) async -> Purchase {
        let cancelling = EventLoop.spawn {
            guard await self.job.cancellation.wait() != nil else { return }
            await self.cancel()
        }
        defer { cancelling.cancel() }
        var pause = Self.pollPause.lowerBound
        while clock.now < deadline {
            // It is asked a last time when the time is over.
            await sleep(for: min(pause, deadline - clock.now))
            await beforePoll()
            pause = min(pause * 3 / 2, Self.pollPause.upperBound)
            switch await poll() {
            case .waiting(let after):
                if let after { pause = min(max(after, Self.pollPause.lowerBound), Self.longestAskedPause) }
            case .unavailable: continue
            case .settled(let purchase): return purchase
            }
        }
        return .failed(
            .gateway(.timeout, "The provider had not finished its task in time ('job_timeout').", boughtNothing: false))
    }

    private enum Poll {
        case waiting(after: Duration?)
        case unavailable
        case settled(Purchase)
    }

    private func poll() async -> Poll {
        let (dialect, endpoint) = (destination.dialect, destination.endpoint)
        guard let question = dialect.statusRequest(for: task, at: endpoint),
            let status = try? await connection.ask(question)
        else { return .unavailable }
        var received = status
        var progress = dialect.progress(of: status.answer, for: task)
        if case .finished = progress {
            guard let request = dialect.resultRequest(for: task, at: endpoint),
                let result = try? await connection.ask(request)
            else { return .unavailable }
            received = result
            progress = dialect.result(of: result.answer, for: task)
        }
        switch progress {
        case .waiting(let after): return .waiting(after: after)
        case .finished, .unavailable: return .unavailable
        case .outcome(.images(let images)):
            return .settled(.delivered(Delivery(images, received.files, from: destination)))
        case .outcome(.failed(let failure)), .cancelled(let failure): return .settled(.failed(failure))
        case .outcome(.queued): return .waiting(after: nil)
        }
    }

    /// Asks the provider to stop; what became of the task is still found out by polling.
    private func cancel() async {
        guard let request = destination.dialect.cancelRequest(for: task, at: destination.endpoint) else {
            job.cancellationRefusal.fulfil("The provider '\(destination.route.provider)' cannot cancel.")
            return
        }
        for attempt in 1...Self.cancelTries {
            if let received = try? await connection.ask(request) {
                switch destination.dialect.cancellation(of: received.answer) {
                case .requested: break
                case .alreadyFinished: job.cancellationRefusal.fulfil("The provider had finished already.")
                case .refused(let failure): job.cancellationRefusal.fulfil("The provider refused: \(failure.message)")
                }
                pausing?.cancel()
                return
            }
            try? await clock.sleep(for: .seconds(attempt))
        }
        job.cancellationRefusal.fulfil("The provider '\(destination.route.provider)' did not answer.")
    }

    /// Sleeps, unless the task has just been cancelled.
    private func sleep(for pause: Duration) async {
        let pausing = EventLoop.spawn { try await self.clock.sleep(for: pause) }
        self.pausing = pausing
        _ = await pausing.result
    }
}
