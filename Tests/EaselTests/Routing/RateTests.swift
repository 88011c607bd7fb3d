import Testing

@testable import Easel

struct RateTests {
    @Test(arguments: [
        ("60/minute", Rate(60, per: .minute)), ("1/second", Rate(1, per: .second)),
        ("100000/hour", Rate(100_000, per: .hour)),
    ])
    func `a rate is a number and a period`(text: String, rate: Rate) {
        #expect(Rate(text) == rate)
        #expect("\(rate)" == text)
    }

    @Test(arguments: [
        "", "60", "60/", "/minute", "0/minute", "-1/minute", "1.5/second", "60/fortnight", "60/minute/minute",
        "100001/hour", "99999999999999999999/hour",
    ])
    func `anything else is no rate`(text: String) {
        #expect(Rate(text) == nil)
    }

    @Test func `a burst may use up the rate, and then it is full until the first is a period ago`() {
        var window = RateWindow(Rate(3, per: .minute))
        let start = Timestamp(microseconds: 0)
        for seconds in [0, 1, 20] {
            #expect(window.earliest.map { $0 <= start + .seconds(seconds) } ?? true)
            window.start(at: start + .seconds(seconds))
        }
        #expect(window.earliest == start + .seconds(60))
        window.start(at: start + .seconds(60))
        #expect(window.earliest == start + .seconds(61))
    }

    @Test func `what has started counts against another rate`() {
        var window = RateWindow(Rate(3, per: .minute))
        let start = Timestamp(microseconds: 0)
        for seconds in [0, 10, 20, 60] { window.start(at: start + .seconds(seconds)) }
        window.update(Rate(2, per: .minute))
        #expect(window.earliest == start + .seconds(80))
        window.update(Rate(3, per: .hour))
        #expect(window.earliest == nil)
        window.start(at: start + .seconds(90))
        #expect(window.earliest == start + .seconds(3620))
    }
}
