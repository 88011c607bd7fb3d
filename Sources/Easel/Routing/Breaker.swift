/// Decides whether a provider is sent anything, by how its last requests went.
///
/// Closed, it lets everything through and counts failures in a row. After too many of them it opens: for a while nothing
/// is sent, then a single probe, whose success closes it and whose failure opens it for twice as long. A pause that the
/// provider asked for is kept to the second, and ends by itself.
struct Breaker: Sendable {
    /// What the owner decides; without settings a breaker never opens.
    struct Settings: Sendable, Hashable {
        /// Failures in a row after which it opens.
        var failures = 5
        /// How long it stays open at first.
        var pause = Duration.seconds(30)
    }

    /// What one request says about its provider.
    enum Signal: Sendable, Hashable {
        /// It works, even if it refused the order.
        case healthy
        /// It took the order into its queue, and what it can do is still to be seen.
        case accepted
        case failure
        /// It will refuse everything until somebody has done something: a key, a bill.
        case lockedOut
        /// It asks to be left alone.
        case pause(Duration)
        /// Nothing.
        case none
    }

    enum State: Sendable, Hashable {
        case closed
        /// The provider asked for it.
        case paused(until: Timestamp)
        case open(until: Timestamp)
        /// One request is on its way to find out; its number.
        case probing(Int)
    }

    /// A state in one word, as `/metrics` tells it.
    enum Phase: String, Sendable, CaseIterable {
        case closed, paused, open, probing
    }

    enum Admission: Sendable, Hashable {
        case normal
        /// Goes through as the one that finds out.
        case probe(Int)
        case refused(for: Duration)
    }

    /// The longest pause that is believed or doubled to, unless the owner's own is longer.
    static let longestPause = Duration.seconds(300)
    /// What those are told to wait who come while a probe is on its way.
    static let probePatience = Duration.seconds(5)

    private(set) var state = State.closed
    private var settings: Settings?
    /// In a row.
    private(set) var failures = 0
    /// How long it was opened for last.
    private var pause = Duration.zero
    private var lastProbe = 0

    init(_ settings: Settings?) { self.settings = settings }

    /// How long nothing can be sent; `nil` when something can.
    func wait(at now: Timestamp) -> Duration? {
        switch state {
        case .closed: nil
        case .paused(let until), .open(let until): until > now ? until - now : nil
        case .probing: Self.probePatience
        }
    }

    /// The state in one word: a pause that was asked for ends by itself, but it takes a probe to close what is open.
    func phase(at now: Timestamp) -> Phase {
        switch state {
        case .closed: .closed
        case .paused: wait(at: now) == nil ? .closed : .paused
        case .open: .open
        case .probing: .probing
        }
    }

    /// Lets a request through, or not; tell ``note(_:of:at:)`` what came of it.
    mutating func admit(at now: Timestamp) -> Admission {
        if let wait = wait(at: now) { return .refused(for: wait) }
        switch state {
        case .closed: return .normal
        case .paused:
            state = .closed
            return .normal
        case .open, .probing:
            lastProbe &+= 1
            state = .probing(lastProbe)
            return .probe(lastProbe)
        }
    }

    /// Draws the conclusions from a request that was let through, `probe` being its number if it was one.
    mutating func note(_ signal: Signal, of probe: Int?, at now: Timestamp) {
        guard let settings else { return }
        if case .probing(let number) = state {
            // What was sent before it opened says nothing new.
            if number == probe { conclude(signal, settings, now) }
            return
        }
        switch signal {
        case .healthy: if case .closed = state { failures = 0 }
        case .accepted, .none: break
        case .failure:
            failures &+= 1
            if failures >= settings.failures { open(for: settings.pause, now) }
        case .lockedOut: open(for: settings.pause, now)
        case .pause(let asked): rest(for: asked, now)
        }
    }

    /// Other settings, from here on; a breaker that is open stays so unless it is taken away.
    mutating func update(_ settings: Settings?) {
        self.settings = settings
        if settings == nil { close() }
    }

    /// Forgets every failure, such as after the owner has mended something.
    mutating func close() {
        state = .closed
        failures = 0
    }

    private mutating func conclude(_ signal: Signal, _ settings: Settings, _ now: Timestamp) {
        switch signal {
        case .healthy, .accepted: close()
        case .failure, .lockedOut:
            open(for: min(pause * 2, max(settings.pause, Self.longestPause)), now)
        case .pause(let asked): state = .open(until: now + min(asked, Self.longestPause))
        // It found out nothing: the next may try.
        case .none: state = .open(until: now)
        }
    }

    private mutating func open(for pause: Duration, _ now: Timestamp) {
        switch state {
        // What comes in late from before it opened does not open it again.
        case .open: return
        case .paused(let asked): state = .open(until: max(asked, now + pause))
        case .closed, .probing: state = .open(until: now + pause)
        }
        self.pause = pause
    }

    private mutating func rest(for asked: Duration, _ now: Timestamp) {
        guard asked > .zero else { return }
        let until = now + min(asked, Self.longestPause)
        switch state {
        case .closed, .probing: state = .paused(until: until)
        case .paused(let earlier): state = .paused(until: max(earlier, until))
        case .open(let earlier): state = .open(until: max(earlier, until))
        }
    }
}
