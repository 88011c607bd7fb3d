/// Somebody who waits, with one of the gateway's API keys.
struct Waiter: Sendable {
    var ticket: WaitingLine.Ticket
    var key: String
    var arrivedAt: Timestamp
}

/// Those who wait, in the order in which their turns come: one of each key, again and again.
///
/// So a key with a thousand orders holds up the one order of another key by a single turn.
struct FairLine: Sendable {
    /// By their arrival, which is when patience begins.
    private var everybody = TicketLine()
    /// The same by their keys, each of which is in ``turns`` once.
    private var lines: [String: TicketLine] = [:]
    private var turns: ArraySlice<String> = []

    var count: Int { everybody.count }
    /// Who has waited longest.
    var oldest: Waiter? { everybody.first }

    mutating func append(_ waiter: Waiter) {
        everybody.append(waiter)
        if lines[waiter.key] == nil { turns.append(waiter.key) }
        lines[waiter.key, default: TicketLine()].append(waiter)
    }

    /// Takes out whose turn it is.
    mutating func takeNext() -> WaitingLine.Ticket? {
        while let key = turns.popFirst() {
            guard let next = lines[key]?.first else {
                lines[key] = nil
                continue
            }
            turns.append(key)
            remove(next.ticket)
            return next.ticket
        }
        return nil
    }

    /// Takes out the last to come of the key that has the most, which is `key` itself when no other has more.
    mutating func takeLastOfMost(sparing key: String) -> WaitingLine.Ticket? {
        let lasts = lines.compactMap { other, line in
            line.last.map { (count: line.count, isOwn: other == key ? 1 : 0, ticket: $0.ticket) }
        }
        guard let last = lasts.max(by: { $0 < $1 }) else { return nil }
        remove(last.ticket)
        return last.ticket
    }

    /// Takes out somebody; for who is not in it, nothing changes.
    mutating func remove(_ ticket: WaitingLine.Ticket) {
        guard let waiter = everybody.remove(ticket) else { return }
        lines[waiter.key]?.remove(ticket)
    }
}

/// Tickets in the order of their numbers; taking one from anywhere is cheap.
private struct TicketLine: Sendable {
    /// Those before `start` are gone, and some of the others have left.
    private var waiters: [(waiter: Waiter, hasLeft: Bool)] = []
    private var start = 0
    private(set) var count = 0

    /// The first who is still there; those before are forgotten whenever somebody leaves.
    var first: Waiter? { start < waiters.count ? waiters[start].waiter : nil }
    /// The last who is still there, likewise.
    var last: Waiter? { start < waiters.count ? waiters.last?.waiter : nil }

    mutating func append(_ waiter: Waiter) {
        waiters.append((waiter, false))
        count += 1
    }

    @discardableResult
    mutating func remove(_ ticket: WaitingLine.Ticket) -> Waiter? {
        guard let index = index(of: ticket), !waiters[index].hasLeft else { return nil }
        let waiter = waiters[index].waiter
        waiters[index].hasLeft = true
        count -= 1
        tidy()
        return waiter
    }

    /// Skips who has left at either end, and drops the dead part of the line once it is the larger one.
    private mutating func tidy() {
        while start < waiters.count, waiters[start].hasLeft { start += 1 }
        while start < waiters.count, waiters.last?.hasLeft == true { waiters.removeLast() }
        if waiters.count > 64, count * 2 < waiters.count {
            waiters = waiters[start...].filter { !$0.hasLeft }
            start = 0
        }
    }

    private func index(of ticket: WaitingLine.Ticket) -> Int? {
        var (low, high) = (start, waiters.count)
        while low < high {
            let middle = low + (high - low) / 2
            if waiters[middle].waiter.ticket < ticket { low = middle + 1 } else { high = middle }
        }
        return low < waiters.count && waiters[low].waiter.ticket == ticket ? low : nil
    }
}
