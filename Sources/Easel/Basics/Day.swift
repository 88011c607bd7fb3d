/// A day of the calendar in UTC, by its number since 1970-01-01.
///
/// The calendar is the proleptic Gregorian one, computed in eras of 400 years.
struct Day: Sendable, Hashable, Comparable {
    var number: Int64

    init(number: Int64) { self.number = number }

    /// The day that a moment belongs to.
    init(of moment: Timestamp) {
        let (quotient, remainder) = moment.microseconds.quotientAndRemainder(dividingBy: Self.microseconds)
        number = quotient - (remainder < 0 ? 1 : 0)
    }

    /// Reads `2027-01-31`; `nil` for anything else, days that no month has included.
    init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.map(\.count) == [4, 2, 2], text.utf8.allSatisfy({ $0 == 0x2D || (0x30...0x39).contains($0) }),
            let year = Int64(parts[0]), let month = Int64(parts[1]), let day = Int64(parts[2]),
            (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        self.init(year: year, month: month, day: day)
        guard description == text else { return nil }
    }

    /// Its first moment.
    var start: Timestamp {
        let (product, overflow) = number.multipliedReportingOverflow(by: Self.microseconds)
        return Timestamp(microseconds: overflow ? (number < 0 ? .min : .max) : product)
    }

    var next: Day { Day(number: number &+ 1) }

    var firstOfMonth: Day {
        let date = date
        return Day(year: date.year, month: date.month, day: 1)
    }

    var firstOfNextMonth: Day {
        let date = date
        return date.month == 12
            ? Day(year: date.year + 1, month: 1, day: 1) : Day(year: date.year, month: date.month + 1, day: 1)
    }

    static func < (left: Day, right: Day) -> Bool { left.number < right.number }

    static let microseconds: Int64 = 86_400_000_000

    // Counting years from March puts the leap day last, so that month lengths follow one formula.

    private init(year: Int64, month: Int64, day: Int64) {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        number = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private var date: (year: Int64, month: Int64, day: Int64) {
        let shifted = number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        return (yearOfEra + era * 400 + (month >= 10 ? 1 : 0), month < 10 ? month + 3 : month - 9, day)
    }
}

extension Day: CustomStringConvertible {
    /// ISO 8601: `2026-11-21`.
    var description: String {
        var text: [UInt8] = []
        write(to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// Adds the day to a text, in the same form.
    func write(to text: inout [UInt8]) {
        let date = date
        text.append(date.year, paddedTo: 4)
        text.append("-", date.month, paddedTo: 2)
        text.append("-", date.day, paddedTo: 2)
    }
}
