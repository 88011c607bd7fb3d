import LibEvent

/// The way to one provider: lets paid requests through one by one, and the others wait for their turn.
///
/// A ``WaitingLine`` decides; this holds those who wait, and watches the time. All of them together need one timer.
@EventLoop
final class Turnstile {
    enum Refusal: Error, Sendable, Hashable {
        case lineIsFull(retryAfter: Duration)
        case waitedTooLong(retryAfter: Duration)
        /// Everybody who waited was sent away.
        case closed
        /// Whoever waited no longer wants to.
        case cancelled
    }

    private var line: WaitingLine
    private let clock: ForwardClock
    private var waiting: [WaitingLine.Ticket: Promise<Result<Void, Refusal>>] = [:]
    private var timer: Task<Void, any Error>?
    private var planned: WaitingLine.Event?

    init(_ limits: TrafficLimits, clock: ForwardClock) {
        line = WaitingLine(limits)
        self.clock = clock
    }

    var waitingCount: Int { line.waitingCount }
    var insideCount: Int { line.inside.count }

    /// Waits for a turn, which the API keys take by turns; whoever got one gives it back with ``leave(_:)``.
    ///
    /// Ends early when the task is cancelled, or when `cancellation` comes.
    func enter(
        for keyID: String = "", unless cancellation: Promise<Void>? = nil
    ) async throws(Refusal) -> WaitingLine.Ticket {
        guard !Task.isCancelled, cancellation?.value == nil else { throw .cancelled }
        let (ticket, isInside) = try arrive(from: keyID)
        if !isInside { try await waitForTurn(of: ticket, unless: cancellation) }
        return ticket
    }

    /// Takes somebody in: at once, or into the line.
    @inline(never)
    private func arrive(from keyID: String) throws(Refusal) -> (WaitingLine.Ticket, isInside: Bool) {
        let (ticket, moves) = line.arrive(from: keyID, at: clock.now)
        act(on: moves)
        plan()
        switch moves.last {
        case .enters(ticket): return (ticket, true)
        case .isRefused(ticket, let refusal): throw self.refusal(refusal)
        default: return (ticket, false)
        }
    }

    @inline(never)
    private func waitForTurn(
        of ticket: WaitingLine.Ticket, unless cancellation: Promise<Void>?
    ) async throws(Refusal) {
        let turn = Promise<Result<Void, Refusal>>()
        waiting[ticket] = turn
        let watch = cancellation.map { cancellation in
            EventLoop.spawn { if await cancellation.wait() != nil { self.end(ticket, .failure(.cancelled)) } }
        }
        defer { watch?.cancel() }
        if await turn.wait() == nil { end(ticket, .failure(.cancelled)) }
        // It may have been decided before the task was cancelled: then it has a place to give back.
        guard let decision = turn.value else { throw .cancelled }
        try decision.get()
    }

    /// Makes room for the next; a second time changes nothing.
    func leave(_ ticket: WaitingLine.Ticket) {
        act(on: line.leave(ticket, at: clock.now))
        plan()
    }

    /// Lets nobody in until then; `nil` to let everybody in again.
    func hold(until time: Timestamp?) {
        line.hold(until: time)
        act(on: line.advance(to: clock.now))
        plan()
    }

    /// Sends everybody away who waits.
    func sendAway() {
        let waiters = waiting.sorted { $0.key < $1.key }
        waiting = [:]
        for (ticket, waiter) in waiters {
            line.giveUp(ticket)
            waiter.fulfil(.failure(.closed))
        }
        plan()
    }

    /// Other limits, from here on.
    func update(_ limits: TrafficLimits) {
        line.update(limits)
        act(on: line.advance(to: clock.now))
        plan()
    }

    /// Tells those who wait what has been decided about them.
    private func act(on moves: [WaitingLine.Move]) {
        for move in moves {
            switch move {
            case .enters(let ticket): waiting.removeValue(forKey: ticket)?.fulfil(.success(()))
            case .isRefused(let ticket, let refusal):
                waiting.removeValue(forKey: ticket)?.fulfil(.failure(self.refusal(refusal)))
            }
        }
    }

    /// Takes somebody out of the line; who is not in it any more stays where it is.
    private func end(_ ticket: WaitingLine.Ticket, _ result: Result<Void, Refusal>) {
        guard let waiter = waiting.removeValue(forKey: ticket) else { return }
        line.giveUp(ticket)
        waiter.fulfil(result)
        plan()
    }

    private func refusal(_ refusal: WaitingLine.Refusal) -> Refusal {
        let delay = line.delay(at: clock.now)
        return switch refusal {
        case .lineIsFull: .lineIsFull(retryAfter: delay)
        case .waitedTooLong: .waitedTooLong(retryAfter: delay)
        }
    }

    /// Sets the timer to the next event of the line.
    private func plan() {
        let event = line.nextEvent
        guard event != planned else { return }
        planned = event
        timer?.cancel()
        timer = event.map { event in
            let delay = max(event.time - clock.now, .zero)
            return EventLoop.spawn {
                if event.isTurn {
                    try await self.clock.sleep(for: delay)
                } else {
                    try await self.clock.alarm(after: delay)
                }
                self.timeHasCome(for: event)
            }
        }
    }

    private func timeHasCome(for event: WaitingLine.Event) {
        guard event == planned else { return }
        planned = nil
        act(on: line.advance(to: clock.now))
        plan()
    }
}
