import Support
import Testing

@testable import Easel

struct AllowanceTests {
    private let start = ManualClock().now

    @Test func `a fresh allowance holds a minute's worth, and comes back evenly`() {
        var allowance = Allowance()
        #expect(allowance.remaining(of: 60, at: start) == 60)
        #expect(allowance.reset(at: start) == .zero)
        for taken in 1...60 {
            #expect(allowance.take(1, of: 60, at: start) == .zero)
            #expect(allowance.remaining(of: 60, at: start) == 60 - taken)
            #expect(allowance.reset(at: start) == .seconds(taken))
        }
        #expect(allowance.take(1, of: 60, at: start) == .seconds(1))
        #expect(allowance.take(3, of: 60, at: start + .milliseconds(500)) == .milliseconds(2500))
        #expect(allowance.remaining(of: 60, at: start + .seconds(1)) == 1)
        #expect(allowance.take(1, of: 60, at: start + .seconds(1)) == .zero)
        #expect(allowance.remaining(of: 60, at: start + .seconds(61)) == 60)
    }

    @Test func `whoever waits as long as they were told is let through, and not sooner`() {
        for limit in [1, 2, 3, 7, 60, 997, KeyLimits.numberLimit] {
            var (allowance, now) = (Allowance(), start)
            for count in [limit, 1, limit, limit / 2 + 1, 1, 1] {
                let pause = allowance.take(count, of: limit, at: now) ?? .seconds(-1)
                #expect(pause >= .zero)
                guard pause > .zero else { continue }
                #expect(allowance.take(count, of: limit, at: now + pause - .microseconds(1)) != .zero, "\(limit)")
                now = now + pause
                #expect(allowance.take(count, of: limit, at: now) == .zero, "\(limit)")
            }
        }
    }

    @Test(arguments: [1, 2, 3]) func `over any time, no more are taken than were there and came back`(seed: Int) {
        var random = SeededGenerator(seed: seed)
        let limit = Int.random(in: 1...90, using: &random)
        var (allowance, now, taken) = (Allowance(), start, 0)
        for _ in 0..<2000 {
            now = now + .milliseconds(Int.random(in: 0...900, using: &random))
            let count = Int.random(in: 1...max(1, limit / 4), using: &random)
            if allowance.take(count, of: limit, at: now) == .zero { taken += count }
            let minutes = Double((now - start).microseconds) / 60_000_000
            // An interval is rounded down to the microsecond.
            #expect(Double(taken) <= Double(limit) * (1 + minutes) * 1.000_01)
            #expect((0...limit).contains(allowance.remaining(of: limit, at: now)))
        }
        #expect(taken >= limit)
    }

    @Test func `what is more than a minute's worth is never there`() {
        var allowance = Allowance()
        #expect(allowance.take(5, of: 4, at: start) == nil)
        #expect(allowance.take(4, of: 4, at: start) == .zero)
    }

    @Test func `another limit counts at once, and a clock that is set back keeps nobody for an hour`() {
        var allowance = Allowance()
        #expect(allowance.take(10, of: 10, at: start) == .zero)
        #expect(allowance.remaining(of: 100, at: start) == 0)
        #expect(allowance.remaining(of: 100, at: start + .seconds(30)) == 50)
        #expect(allowance.take(1, of: 10, at: start - .seconds(3600)) == .seconds(6))
    }
}
