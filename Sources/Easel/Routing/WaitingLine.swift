/// Who may send a paid request to a provider now, and who waits: the API keys take turns, and of one key the first to come
/// is the first to be served.
///
/// A machine without a clock. Each of its methods takes the time and returns what follows from it, for whoever holds the
/// tickets to act upon.
struct WaitingLine: Sendable {
    /// The number of somebody who came; later ones are higher.
    typealias Ticket = Int

    enum Move: Sendable, Hashable {
        case enters(Ticket)
        case isRefused(Ticket, Refusal)
    }

    enum Refusal: Sendable, Hashable {
        case lineIsFull
        case waitedTooLong
    }

    /// The next thing that time alone will bring about.
    struct Event: Sendable, Hashable {
        var time: Timestamp
        /// Somebody's turn comes; else somebody's patience ends.
        var isTurn: Bool
    }

    private(set) var limits: TrafficLimits
    private(set) var inside: Set<Ticket> = []
    private var line = FairLine()
    private var window: RateWindow?
    private var heldUntil: Timestamp?
    private var lastTicket = 0

    init(_ limits: TrafficLimits) {
        self.limits = limits
        window = limits.rate.map(RateWindow.init)
    }

    var waitingCount: Int { line.count }

    /// Somebody comes: enters, waits, or is refused at once.
    ///
    /// Everybody enters by a ticket that is left with ``leave(_:at:)``. Where the line is full, the last of the key that has
    /// the most in it makes room for one that has fewer.
    mutating func arrive(from key: String = "", at now: Timestamp) -> (ticket: Ticket, moves: [Move]) {
        lastTicket &+= 1
        var moves = advance(to: now)
        if line.count == 0, isOpen(at: now) {
            enter(lastTicket, &moves, now)
            return (lastTicket, moves)
        }
        line.append(Waiter(ticket: lastTicket, key: key, arrivedAt: now))
        if line.count > limits.queue, let last = line.takeLastOfMost(sparing: key) {
            moves.append(.isRefused(last, .lineIsFull))
        }
        return (lastTicket, moves)
    }

    /// Somebody who was inside leaves; a second time changes nothing.
    mutating func leave(_ ticket: Ticket, at now: Timestamp) -> [Move] {
        inside.remove(ticket)
        return advance(to: now)
    }

    /// Somebody no longer waits; for those who do not, nothing changes.
    mutating func giveUp(_ ticket: Ticket) { line.remove(ticket) }

    /// Lets in whose turn has come, and sends away who has waited too long.
    mutating func advance(to now: Timestamp) -> [Move] {
        var moves: [Move] = []
        while isOpen(at: now), let next = line.takeNext() { enter(next, &moves, now) }
        while let oldest = line.oldest, oldest.arrivedAt + limits.queueWait <= now {
            line.remove(oldest.ticket)
            moves.append(.isRefused(oldest.ticket, .waitedTooLong))
        }
        return moves
    }

    /// When to ``advance(to:)`` next if nothing else happens.
    var nextEvent: Event? {
        guard let oldest = line.oldest else { return nil }
        let end = oldest.arrivedAt + limits.queueWait
        guard inside.count < limits.concurrency else { return Event(time: end, isTurn: false) }
        let turn = max(heldUntil ?? oldest.arrivedAt, window?.earliest ?? oldest.arrivedAt)
        return turn <= end ? Event(time: turn, isTurn: true) : Event(time: end, isTurn: false)
    }

    /// Lets nobody in until then; `nil` to let everybody in again.
    mutating func hold(until time: Timestamp?) { heldUntil = time }

    /// Other limits, from here on: nobody inside is thrown out.
    mutating func update(_ limits: TrafficLimits) {
        self.limits = limits
        if let rate = limits.rate, window != nil {
            window?.update(rate)
        } else {
            window = limits.rate.map(RateWindow.init)
        }
    }

    /// How long to wait until a place could be free, as far as one can tell.
    func delay(at now: Timestamp) -> Duration {
        let shortest = Duration.seconds(5)
        guard let window, let earliest = window.earliest else { return shortest }
        let queued = window.rate.period.duration * line.count / window.rate.count
        return min(max(earliest - now, .zero) + queued, Breaker.longestPause)
    }

    private func isOpen(at now: Timestamp) -> Bool {
        inside.count < limits.concurrency && (heldUntil ?? now) <= now && (window?.earliest ?? now) <= now
    }

    private mutating func enter(_ ticket: Ticket, _ moves: inout [Move], _ now: Timestamp) {
        inside.insert(ticket)
        window?.start(at: now)
        moves.append(.enters(ticket))
    }
}
