import Testing

@testable import Easel

struct BudgetTests {
    @Test(arguments: [
        ("20.00/month", "20.00/month"), ("5/day", "5.00/day"), ("100/total,5/day", "5.00/day, 100.00/total"),
        (" 0.000001/day , 0/month ", "0.000001/day, 0.00/month"),
    ])
    func `a budget is read in any order and written shortest period first`(text: String, written: String) {
        #expect(Budget(text)?.description == written)
        #expect(Budget(written) == Budget(text))
    }

    @Test(arguments: ["", "20", "20/", "/day", "20/week", "-1/day", "1e3/day", "1/day,2/day", "1/day,", "1/day/day"])
    func `what is no budget is not read`(text: String) {
        #expect(Budget(text) == nil)
    }

    @Test(arguments: [
        (Budget.Period.day, "2026-12-31", "2026-12-31", "2027-01-01"),
        (.month, "2026-12-31", "2026-12-01", "2027-01-01"), (.month, "2028-02-29", "2028-02-01", "2028-03-01"),
    ])
    func `a period begins and ends with days of UTC`(
        period: Budget.Period, date: String, first: String, end: String
    ) throws {
        let day = try #require(Day(date))
        #expect(period.firstDay(for: day)?.description == first)
        #expect(period.end(after: day) == Day(end)?.start)
        #expect(Budget.Period.total.firstDay(for: day) == nil)
        #expect(Budget.Period.total.end(after: day) == nil)
    }

    @Test func `what nobody can add up goes with no budget, unless the owner says so`() {
        var limits = KeyLimits()
        #expect(limits.allowsUnknownPrices)
        limits.budget[.total] = Money(microunits: 0)
        #expect(!limits.allowsUnknownPrices)
        limits.unknownPrices = true
        #expect(limits.allowsUnknownPrices)
    }
}
