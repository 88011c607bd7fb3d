/// Who may send a paid request to a provider now, and who waits: first come, first served.
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
    private var line = TicketLine()
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
    /// Everybody enters by a ticket that is left with ``leave(_:at:)``.
    mutating func arrive(at now: Timestamp) -> (ticket: Ticket, moves: [Move]) {
        lastTicket &+= 1
        var moves = advance(to: now)
        if line.count == 0, isOpen(at: now) {
            enter(lastTicket, &moves, now)
        } else if line.count < limits.queue {
            line.append(lastTicket, at: now)
        } else {
            moves.append(.isRefused(lastTicket, .lineIsFull))
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
        while let first = line.first, isOpen(at: now) {
            line.removeFirst()
            enter(first.ticket, &moves, now)
        }
        while let first = line.first, first.arrivedAt + limits.queueWait <= now {
            line.removeFirst()
            moves.append(.isRefused(first.ticket, .waitedTooLong))
        }
        return moves
    }

    /// When to ``advance(to:)`` next if nothing else happens.
    var nextEvent: Event? {
        guard let first = line.first else { return nil }
        let end = first.arrivedAt + limits.queueWait
        guard inside.count < limits.concurrency else { return Event(time: end, isTurn: false) }
        let turn = max(heldUntil ?? first.arrivedAt, window?.earliest ?? first.arrivedAt)
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

/// Tickets in the order of their numbers; taking one from anywhere is cheap.
private struct TicketLine: Sendable {
    struct Waiter: Sendable {
        var ticket: Int
        var arrivedAt: Timestamp
        var hasLeft = false
    }

    /// Those before `start` have been served, and some of the others have left.
    private var waiters: [Waiter] = []
    private var start = 0
    private(set) var count = 0

    /// The first who is still there; those before are forgotten whenever somebody leaves.
    var first: Waiter? { start < waiters.count ? waiters[start] : nil }

    mutating func append(_ ticket: Int, at now: Timestamp) {
        waiters.append(Waiter(ticket: ticket, arrivedAt: now))
        count += 1
    }

    mutating func removeFirst() {
        guard start < waiters.count else { return }
        start += 1
        count -= 1
        tidy()
    }

    mutating func remove(_ ticket: Int) {
        guard let index = index(of: ticket), !waiters[index].hasLeft else { return }
        waiters[index].hasLeft = true
        count -= 1
        tidy()
    }

    /// Skips who has left at the head, and drops the dead part of the line once it is the larger one.
    private mutating func tidy() {
        while start < waiters.count, waiters[start].hasLeft { start += 1 }
        if waiters.count > 64, count * 2 < waiters.count {
            waiters = waiters[start...].filter { !$0.hasLeft }
            start = 0
        }
    }

    private func index(of ticket: Int) -> Int? {
        var (low, high) = (start, waiters.count)
        while low < high {
            let middle = low + (high - low) / 2
            if waiters[middle].ticket < ticket { low = middle + 1 } else { high = middle }
        }
        return low < waiters.count && waiters[low].ticket == ticket ? low : nil
    }
}
