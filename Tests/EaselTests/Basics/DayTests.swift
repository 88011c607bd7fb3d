import Testing

@testable import Easel

struct DayTests {
    @Test(arguments: [
        ("1970-01-01", 0), ("1970-01-02", 1), ("1969-12-31", -1), ("2000-02-29", 11_016), ("2026-11-21", 20_778),
        ("2100-03-01", 47_541), ("0001-01-01", -719_162), ("9999-12-31", 2_932_896),
    ])
    func `a date is read and written`(text: String, number: Int64) {
        #expect(Day(text)?.number == number)
        #expect(Day(number: number).description == text)
        #expect(Day(of: Day(number: number).start).number == number)
    }

    @Test(arguments: [
        "", "2027", "2027-1-1", "2027-02-29", "2027-04-31", "2027-13-01", "2027-00-01", "2027-01-00", "2027/01/01",
        "2027-01-01T00:00", "+027-01-01", "２０２７-01-01",
    ])
    func `what is no date is not read`(text: String) {
        #expect(Day(text) == nil)
    }

    @Test func `every day of four centuries follows the one before`() throws {
        var day = try #require(Day("1900-01-01"))
        for _ in 0..<146_097 {
            #expect(Day(day.description) == day)
            #expect(day.firstOfMonth <= day && day < day.firstOfNextMonth)
            #expect(day.firstOfMonth.firstOfNextMonth == day.firstOfNextMonth)
            day = day.next
        }
        #expect(day.description == "2300-01-01")
    }

    @Test func `a moment belongs to the day that it is in, to the microsecond`() throws {
        let day = try #require(Day("2026-11-21"))
        #expect(Day(of: day.start) == day)
        #expect(Day(of: day.next.start - .microseconds(1)) == day)
        #expect(Day(of: Timestamp(microseconds: -1)).description == "1969-12-31")
        for extreme in [Int64.min, .max] { _ = Timestamp(microseconds: extreme).description }
    }
}
