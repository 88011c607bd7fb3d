import Support
import Testing

@testable import Easel

struct WaitingLineTests {
    private let start = Timestamp(microseconds: 0)

    private func limits(
        _ concurrency: Int, rate: Rate? = nil, queue: Int = 1000, wait: Duration = .seconds(60)
    ) -> TrafficLimits {
        TrafficLimits(concurrency: concurrency, rate: rate, queue: queue, queueWait: wait)
    }

    @Test func `as many enter as there is room for, the rest in the order they came`() {
        var line = WaitingLine(limits(2))
        #expect((1...4).map { _ in line.arrive(at: start).moves } == [[.enters(1)], [.enters(2)], [], []])
        #expect(line.leave(2, at: start) == [.enters(3)])
        #expect(line.leave(2, at: start) == [], "who has left already makes no room")
        #expect(line.leave(1, at: start) == [.enters(4)])
    }

    @Test func `a line that is full takes nobody`() {
        var line = WaitingLine(limits(1, queue: 1))
        _ = line.arrive(at: start)
        _ = line.arrive(at: start)
        #expect(line.arrive(at: start).moves == [.isRefused(3, .lineIsFull)])
        line.giveUp(2)
        #expect(line.arrive(at: start).moves == [])
    }

    @Test func `keys take turns, however many orders one of them has`() {
        var line = WaitingLine(limits(1))
        let keys = ["busy", "busy", "busy", "busy", "calm", "quiet", "quiet"]
        for key in keys { _ = line.arrive(from: key, at: start) }
        let entered = (0..<6).flatMap { _ in line.leave(line.inside.first ?? 0, at: start) }
        #expect(entered == [.enters(2), .enters(5), .enters(6), .enters(3), .enters(7), .enters(4)])
    }

    @Test func `where the line is full, the key that has the most in it makes room`() {
        var line = WaitingLine(limits(1, queue: 3))
        for _ in 1...4 { _ = line.arrive(from: "busy", at: start) }
        #expect(line.arrive(from: "busy", at: start).moves == [.isRefused(5, .lineIsFull)])
        #expect(line.arrive(from: "calm", at: start).moves == [.isRefused(4, .lineIsFull)])
        #expect(line.arrive(from: "quiet", at: start).moves == [.isRefused(3, .lineIsFull)])
        // Nobody has more than the newcomer would.
        #expect(line.arrive(from: "late", at: start).moves == [.isRefused(8, .lineIsFull)])
        #expect(line.waitingCount == 3)
    }

    @Test func `who has waited too long is sent away`() {
        var line = WaitingLine(limits(1))
        _ = line.arrive(at: start)
        _ = line.arrive(at: start)
        _ = line.arrive(at: start + .seconds(1))
        #expect(line.nextEvent == WaitingLine.Event(time: start + .seconds(60), isTurn: false))
        #expect(line.advance(to: start + .seconds(60)) == [.isRefused(2, .waitedTooLong)])
        #expect(line.waitingCount == 1)
    }

    @Test func `a rate spaces them out, and its next turn is known`() {
        var line = WaitingLine(limits(9, rate: Rate(2, per: .second)))
        let moves = (1...3).map { _ in line.arrive(at: start).moves }
        #expect(moves == [[.enters(1)], [.enters(2)], []])
        #expect(line.nextEvent == WaitingLine.Event(time: start + .seconds(1), isTurn: true))
        #expect(line.advance(to: start + .milliseconds(999)) == [])
        #expect(line.advance(to: start + .seconds(1)) == [.enters(3)])
    }

    @Test func `while it is held nobody enters, and then the first do`() {
        var line = WaitingLine(limits(2))
        line.hold(until: start + .seconds(5))
        _ = line.arrive(at: start)
        #expect(line.nextEvent == WaitingLine.Event(time: start + .seconds(5), isTurn: true))
        #expect(line.advance(to: start + .seconds(5)) == [.enters(1)])
    }

    @Test func `lower limits throw nobody out`() {
        var line = WaitingLine(limits(3))
        for _ in 1...4 { _ = line.arrive(at: start) }
        line.update(limits(1, queue: 0))
        #expect(line.leave(1, at: start) + line.leave(2, at: start) == [])
        #expect(line.leave(3, at: start) == [.enters(4)])
    }

    /// Everything at once: arrivals, departures, change of mind, time that passes, limits that change.
    @Test(arguments: 0..<400)
    func `whatever happens, nobody is lost, nobody pushes in, and no limit is passed`(seed: Int) {
        var random = SeededGenerator(seed: seed)
        var limits = limits(
            .random(in: 1...5, using: &random), rate: Bool.random(using: &random) ? nil : Rate(4, per: .second),
            queue: .random(in: 0...20, using: &random), wait: .milliseconds(Int.random(in: 0...3000, using: &random)))
        var line = WaitingLine(limits)
        var (now, waiting, inside, starts) = (start, [Int: Timestamp](), Set<Int>(), [Timestamp]())
        // The key of each, who entered last of each key, and the keys that had a turn while another had somebody waiting.
        var (keys, entered, passed) = ([""], [String: Int](), [String: Set<String>]())
        var arrivals = 0
        var heldUntil = start

        func account(_ moves: [WaitingLine.Move]) {
            for move in moves {
                switch move {
                case .enters(let ticket):
                    #expect(waiting.removeValue(forKey: ticket) != nil, "\(ticket) entered and was not there")
                    let key = keys[ticket]
                    #expect(ticket > entered[key] ?? 0, "\(ticket) entered after \(entered[key] ?? 0)")
                    for other in Set(waiting.keys.map { keys[$0] }) where other != key {
                        #expect(passed[other, default: []].insert(key).inserted, "\(key) had two turns, \(other) none")
                    }
                    passed[key] = []
                    #expect(inside.count < limits.concurrency && heldUntil <= now)
                    inside.insert(ticket)
                    entered[key] = ticket
                    starts.append(now)
                case .isRefused(let ticket, .waitedTooLong):
                    let arrival = waiting.removeValue(forKey: ticket)
                    #expect(arrival.map { now - $0 >= limits.queueWait } ?? false)
                case .isRefused(let ticket, .lineIsFull):
                    #expect(waiting.removeValue(forKey: ticket) != nil)
                    #expect(waiting.count >= limits.queue)
                }
            }
            forget()
        }
        func forget() {
            let present = Set(waiting.keys.map { keys[$0] })
            passed = passed.filter { present.contains($0.key) }
        }

        for _ in 0..<600 {
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<8:
                arrivals += 1
                waiting[arrivals] = now
                keys.append(["a", "a", "a", "b", "c"].randomElement(using: &random) ?? "")
                let (ticket, moves) = line.arrive(from: keys[arrivals], at: now)
                #expect(ticket == arrivals)
                account(moves)
            case 8..<13:
                if let ticket = inside.sorted().randomElement(using: &random) {
                    inside.remove(ticket)
                    account(line.leave(ticket, at: now))
                }
            case 13..<15:
                if let ticket = waiting.keys.sorted().randomElement(using: &random) {
                    waiting[ticket] = nil
                    line.giveUp(ticket)
                    forget()
                }
            case 15:
                limits.concurrency = .random(in: 1...5, using: &random)
                limits.queue = .random(in: 0...20, using: &random)
                line.update(limits)
            case 16:
                heldUntil = now + .milliseconds(Int.random(in: 0...900, using: &random))
                line.hold(until: heldUntil)
            default:
                // As the timer would, or a little late.
                now = max(now, line.nextEvent?.time ?? now) + .milliseconds(Int.random(in: 0...300, using: &random))
            }
            account(line.advance(to: now))
            #expect(line.inside == inside)
            #expect(line.waitingCount == waiting.count)
            // Nobody waits who need not: the next event is still to come, or somebody has to leave first.
            #expect(line.nextEvent.map { $0.time > now } ?? waiting.isEmpty)
        }
        if limits.rate != nil {
            for (first, fifth) in zip(starts, starts.dropFirst(4)) { #expect(fifth - first >= .seconds(1)) }
        }
        // Time alone empties the line.
        while let event = line.nextEvent {
            now = max(now, event.time)
            account(line.advance(to: now))
            while let ticket = inside.popFirst() { account(line.leave(ticket, at: now)) }
        }
        #expect(waiting.isEmpty)
    }

    @Test func `a long line of people who change their minds is not kept`() {
        var line = WaitingLine(limits(1, queue: 100_000))
        _ = line.arrive(at: start)
        let patient = line.arrive(at: start).ticket
        for _ in 0..<50_000 { line.giveUp(line.arrive(at: start).ticket) }
        #expect(line.waitingCount == 1)
        #expect(line.leave(1, at: start) == [.enters(patient)])
    }
}
