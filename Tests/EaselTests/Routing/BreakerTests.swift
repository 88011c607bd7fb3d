import Support
import Testing

@testable import Easel

struct BreakerTests {
    private let start = Timestamp(microseconds: 0)

    private func at(_ seconds: Int) -> Timestamp { start + .seconds(seconds) }

    /// A breaker that has just opened at second 0.
    private func opened(pause: Int = 30) -> Breaker {
        var breaker = Breaker(Breaker.Settings(failures: 1, pause: .seconds(pause)))
        breaker.note(.failure, of: nil, at: start)
        return breaker
    }

    @Test func `it opens after so many failures in a row`() {
        var breaker = Breaker(Breaker.Settings())
        let signals: [Breaker.Signal] = [
            .failure, .failure, .failure, .failure, .healthy, .failure, .none, .accepted, .failure,
        ]
        for signal in signals {
            breaker.note(signal, of: nil, at: start)
        }
        for _ in 0..<2 { breaker.note(.failure, of: nil, at: start) }
        #expect(breaker.admit(at: start) == .normal)
        breaker.note(.failure, of: nil, at: start)
        #expect(breaker.state == .open(until: at(30)))
        #expect(breaker.admit(at: at(10)) == .refused(for: .seconds(20)))
    }

    @Test func `an account that is locked out opens it at once`() {
        var breaker = Breaker(Breaker.Settings())
        breaker.note(.lockedOut, of: nil, at: start)
        #expect(breaker.state == .open(until: at(30)))
    }

    @Test func `a pause that was asked for is kept to the second, and needs no probe`() {
        var breaker = Breaker(Breaker.Settings())
        breaker.note(.pause(.seconds(7)), of: nil, at: start)
        breaker.note(.pause(.seconds(3)), of: nil, at: start)
        #expect(breaker.admit(at: at(6)) == .refused(for: .seconds(1)))
        #expect(breaker.admit(at: at(7)) == .normal)
        #expect(breaker.admit(at: at(7)) == .normal)
    }

    @Test func `in one word, what is open stays so until a probe has closed it, and a pause ends by itself`() {
        var breaker = opened()
        #expect(breaker.phase(at: at(29)) == .open)
        #expect(breaker.phase(at: at(31)) == .open)
        guard case .probe(let number) = breaker.admit(at: at(31)) else {
            Issue.record("no probe: \(breaker.state)")
            return
        }
        #expect(breaker.phase(at: at(32)) == .probing)
        breaker.note(.healthy, of: number, at: at(33))
        #expect(breaker.phase(at: at(33)) == .closed)
        breaker.note(.pause(.seconds(7)), of: nil, at: at(33))
        #expect(breaker.phase(at: at(39)) == .paused)
        #expect(breaker.phase(at: at(40)) == .closed)
    }

    @Test func `no pause is believed that is longer than five minutes`() {
        var breaker = Breaker(Breaker.Settings())
        breaker.note(.pause(.seconds(86_400)), of: nil, at: start)
        #expect(breaker.wait(at: start) == .seconds(300))
        breaker.note(.pause(.zero), of: nil, at: at(300))
        #expect(breaker.admit(at: at(300)) == .normal)
    }

    @Test func `after the pause one request finds out, and the others wait for it`() {
        var breaker = opened()
        guard case .probe(let number) = breaker.admit(at: at(30)) else {
            Issue.record("no probe: \(breaker.state)")
            return
        }
        #expect(breaker.admit(at: at(31)) == .refused(for: Breaker.probePatience))
        // What was sent before it opened says nothing new.
        breaker.note(.healthy, of: nil, at: at(31))
        breaker.note(.failure, of: nil, at: at(31))
        breaker.note(.healthy, of: number - 1, at: at(31))
        #expect(breaker.state == .probing(number))
        breaker.note(.healthy, of: number, at: at(32))
        #expect(breaker.state == .closed)
        #expect(breaker.admit(at: at(32)) == .normal)
    }

    @Test func `each probe that fails doubles the pause, to five minutes`() {
        var breaker = opened()
        var (now, pauses) = (0, [Int]())
        for _ in 0..<6 {
            let wait = Int(breaker.wait(at: at(now))?.components.seconds ?? 0)
            pauses.append(wait)
            now += wait
            guard case .probe(let number) = breaker.admit(at: at(now)) else { break }
            breaker.note(.failure, of: number, at: at(now))
        }
        #expect(pauses == [30, 60, 120, 240, 300, 300])
    }

    @Test func `a probe that is told to come back later does, and is a probe again`() {
        var breaker = opened()
        guard case .probe(let number) = breaker.admit(at: at(30)) else { return }
        breaker.note(.pause(.seconds(4)), of: number, at: at(30))
        #expect(breaker.admit(at: at(33)) == .refused(for: .seconds(1)))
        #expect(breaker.admit(at: at(34)) == .probe(number + 1))
    }

    @Test func `a probe that found out nothing lets the next one try at once`() {
        var breaker = opened()
        guard case .probe(let number) = breaker.admit(at: at(30)) else { return }
        breaker.note(.none, of: number, at: at(31))
        #expect(breaker.admit(at: at(31)) == .probe(number + 1))
    }

    @Test func `without settings it never opens, and taking them away closes it`() {
        var off = Breaker(nil)
        for signal in [Breaker.Signal.failure, .lockedOut, .pause(.seconds(9))] { off.note(signal, of: nil, at: start) }
        #expect(off.admit(at: start) == .normal)
        var breaker = opened()
        breaker.update(nil)
        #expect(breaker.admit(at: start) == .normal)
    }

    @Test(arguments: 0..<300)
    func `whatever happens, one probe at a time, and no pause without end`(seed: Int) {
        var random = SeededGenerator(seed: seed)
        let settings = Breaker.Settings(
            failures: .random(in: 1...4, using: &random), pause: .seconds(Int.random(in: 1...40, using: &random)))
        var breaker = Breaker(settings)
        var now = start
        var (underWay, probes) = ([Int?](), Set<Int>())
        for _ in 0..<2000 {
            now = now + .milliseconds(Int.random(in: 0...5000, using: &random))
            let wait = breaker.wait(at: now)
            #expect(wait.map { $0 > .zero && $0 <= Breaker.longestPause } ?? true)
            switch breaker.admit(at: now) {
            case .normal:
                #expect(wait == nil && probes.isEmpty)
                underWay.append(nil)
            case .probe(let number):
                #expect(wait == nil && probes.isEmpty, "two probes at once")
                probes.insert(number)
                underWay.append(number)
            case .refused(let time): #expect(time == wait)
            }
            guard let index = underWay.indices.randomElement(using: &random), Bool.random(using: &random) else {
                continue
            }
            let probe = underWay.remove(at: index)
            let signals: [Breaker.Signal] = [
                .healthy, .healthy, .healthy, .accepted, .failure, .failure, .lockedOut, .none,
                .pause(.seconds(Int.random(in: 0...900, using: &random))),
            ]
            let signal = signals.randomElement(using: &random) ?? .none
            let wasClosed = breaker.state == .closed
            breaker.note(signal, of: probe, at: now)
            if let probe {
                probes.remove(probe)
                #expect((breaker.state == .closed) == [.healthy, .accepted].contains(signal))
            } else if wasClosed {
                if signal == .failure, breaker.failures >= settings.failures {
                    #expect(breaker.wait(at: now) == settings.pause)
                }
                if [.healthy, .accepted, .none].contains(signal) { #expect(breaker.state == .closed) }
            }
        }
    }
}
