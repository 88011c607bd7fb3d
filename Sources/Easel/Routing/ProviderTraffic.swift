import LibEvent

/// What goes to one provider: the turnstile that its paid requests pass, and the breaker that hears what came of them.
///
/// It is the provider's own for as long as the process lives, whatever becomes of the configuration. Polls and downloads
/// have no business here: what is paid for is never kept waiting.
@EventLoop
final class ProviderTraffic {
    /// The right to send one paid request.
    struct Pass: Sendable {
        fileprivate var ticket: WaitingLine.Ticket
        fileprivate var probe: Int?
    }

    let provider: String
    private(set) var limits: TrafficLimits
    private let turnstile: Turnstile
    private var breaker: Breaker
    private let clock: ForwardClock
    private let log: Log

    init(to provider: String, _ limits: TrafficLimits, clock: WallClock, log: Log) {
        self.provider = provider
        self.limits = limits
        self.log = log
        self.clock = ForwardClock(clock)
        turnstile = Turnstile(limits, clock: self.clock)
        breaker = Breaker(limits.breaker)
    }

    /// How long nothing will be sent there; `nil` when something can be.
    var pause: Duration? { breaker.wait(at: clock.now) }
    var breakerPhase: Breaker.Phase { breaker.phase(at: clock.now) }
    var waitingCount: Int { turnstile.waitingCount }
    var underWayCount: Int { turnstile.insideCount }

    /// Waits for the turn of one paid request of an API key; give the pass back with ``leave(_:_:)``, whatever happens.
    ///
    /// - Throws: A failure that provably bought nothing: nothing was sent.
    func enter(
        for keyID: String = "", unless cancellation: Promise<Void>? = nil
    ) async throws(ProviderFailure) -> Pass {
        if let refusal { throw refusal }
        let ticket: WaitingLine.Ticket
        do throws(Turnstile.Refusal) { ticket = try await turnstile.enter(for: keyID, unless: cancellation) } catch {
            throw failure(error)
        }
        return try pass(with: ticket, unless: cancellation)
    }

    /// What those are told who need not even get in line.
    @inline(never)
    private var refusal: ProviderFailure? { pause.map(isPaused) }

    /// The pass of somebody whose turn has come.
    @inline(never)
    private func pass(
        with ticket: WaitingLine.Ticket, unless cancellation: Promise<Void>?
    ) throws(ProviderFailure) -> Pass {
        guard !Task.isCancelled, cancellation?.value == nil else {
            turnstile.leave(ticket)
            throw failure(.cancelled)
        }
        switch breaker.admit(at: clock.now) {
        case .normal: return Pass(ticket: ticket)
        case .probe(let number):
            log.info("provider is tried again", ["provider": provider])
            return Pass(ticket: ticket, probe: number)
        case .refused(let pause):
            turnstile.leave(ticket)
            throw isPaused(for: pause)
        }
    }

    /// Gives a pass back, with what came of the request; without a verdict nothing was sent.
    ///
    /// Who waits when the provider asks for a pause goes on waiting; from one that fails, the next route is the better
    /// place.
    func leave(_ pass: Pass, _ verdict: Verdict? = nil) {
        note(verdict?.signal ?? .none, of: pass.probe)
        turnstile.leave(pass.ticket)
    }

    /// Hears what became of a task that the provider had taken into its queue; without a failure it is done.
    func taskEnded(_ failure: ProviderFailure?) { note(failure.map { Verdict($0).signal } ?? .healthy, of: nil) }

    /// Other limits, such as after the configuration was read again; who waits or is under way is not disturbed.
    func update(_ limits: TrafficLimits) {
        guard limits != self.limits else { return }
        self.limits = limits
        breaker.update(limits.breaker)
        if breaker.state == .closed { turnstile.hold(until: nil) }
        turnstile.update(limits)
    }

    /// Forgets what went wrong: the owner has changed the provider's address or key, and wants to see it tried.
    func forgive() {
        breaker.close()
        turnstile.hold(until: nil)
    }

    private func note(_ signal: Breaker.Signal, of probe: Int?) {
        let before = breaker.state
        breaker.note(signal, of: probe, at: clock.now)
        if breaker.state != before { stateChanged(from: before) }
    }

    private func stateChanged(from before: Breaker.State) {
        switch breaker.state {
        case .closed:
            log.info("provider works again", ["provider": provider])
            turnstile.hold(until: nil)
        case .paused(let until):
            log.warning("provider asked for a pause", ["provider": provider, "seconds": seconds(until)])
            turnstile.hold(until: until)
        case .open(let until):
            log.warning(
                "provider fails and is left alone",
                ["provider": provider, "seconds": seconds(until), "failures": "\(breaker.failures)"])
            turnstile.sendAway()
        case .probing: break
        }
    }

    private func seconds(_ until: Timestamp) -> String { "\((until - clock.now).milliseconds / 1000)" }
}

// What is said to those who are not let through.
extension ProviderTraffic {
    private func isPaused(for pause: Duration) -> ProviderFailure {
        .gateway(
            .overload,
            """
            The provider '\(provider)' is left alone for now, because it failed repeatedly or asked for a pause. Nothing \
            was bought; try again in \(pause.wholeSeconds) s.
            """, boughtNothing: true, retryAfter: pause)
    }

    private func failure(_ refusal: Turnstile.Refusal) -> ProviderFailure {
        switch refusal {
        case .lineIsFull(let delay):
            .gateway(
                .overload,
                """
                \(limits.queue) requests are waiting for the provider '\(provider)' already, as many as its setting \
                'queue' allows. Nothing was bought; try again later.
                """, boughtNothing: true, retryAfter: delay)
        case .waitedTooLong(let delay):
            .gateway(
                .overload,
                """
                The provider '\(provider)' was busy for longer than its setting 'queue_wait' allows, \
                \(limits.queueWait.wholeSeconds) s. Nothing was bought; try again later.
                """, boughtNothing: true, retryAfter: delay)
        case .closed: isPaused(for: pause ?? Verdict.defaultPause)
        case .cancelled: .gateway(.overload, "The job was cancelled; nothing was bought.", boughtNothing: true)
        }
    }
}

extension Duration {
    /// Rounded up: who waits so long has waited long enough.
    fileprivate var wholeSeconds: Int64 { (milliseconds &+ 999) / 1000 }
}
