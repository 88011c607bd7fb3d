/// A point in time as header fields write it: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7).
///
/// Only the preferred form, IMF-fixdate, is read; nothing that Easel talks to has written the other two for decades.
package struct HTTPDate: Sendable, Hashable {
    package let secondsSince1970: Int64

    /// A date from the year 1 to 9999, the ones with four digits; others become the nearest of them.
    package init(secondsSince1970: Int64) {
        self.secondsSince1970 = min(max(secondsSince1970, Self.firstSecond), Self.lastSecond)
    }

    /// Reads a field's value; `nil` when it is no such date.
    package init?(_ text: some StringProtocol) {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 6, words[0].count == 4, words[0].last == ",", words[5] == "GMT",
            Self.weekdays.contains(String(words[0].dropLast())),
            let day = Self.number(words[1], digits: 2),
            let month = Self.months.firstIndex(of: String(words[2])).map({ Int64($0) + 1 }),
            let year = Self.number(words[3], digits: 4), year >= 1
        else { return nil }
        let clock = words[4].split(separator: ":", omittingEmptySubsequences: false)
        guard clock.count == 3, let hour = Self.number(clock[0], digits: 2), hour < 24,
            let minute = Self.number(clock[1], digits: 2), minute < 60,
            let second = Self.number(clock[2], digits: 2), second <= 60  // 60 is a leap second
        else { return nil }
        let days = Self.days(year: year, month: month, day: day)
        guard Self.civil(days: days) == (year, month, day) else { return nil }
        self.init(secondsSince1970: days * 86_400 + hour * 3600 + minute * 60 + second)
    }

    /// 1 January of the year 1.
    private static let firstSecond: Int64 = -62_135_596_800
    /// 31 December of the year 9999.
    private static let lastSecond: Int64 = 253_402_300_799

    private static let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func number(_ text: some StringProtocol, digits: Int) -> Int64? {
        guard text.utf8.count == digits, text.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) else {
            return nil
        }
        return Int64(text)
    }

    // MARK: The proleptic Gregorian calendar, in eras of 400 years that begin on 1 March

    private static let daysOfEra: Int64 = 146_097
    /// Days from 1 March of the year 0 to 1 January 1970.
    private static let epoch: Int64 = 719_468

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month > 2 ? year : year - 1
        let (era, yearOfEra) = year.quotientAndRemainder(dividingBy: 400)
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * daysOfEra + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - epoch
    }

    private static func civil(days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let (era, dayOfEra) = (days + epoch).quotientAndRemainder(dividingBy: daysOfEra)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = (monthFromMarch + 2) % 12 + 1
        return (
            era * 400 + yearOfEra + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        )
    }
}

extension HTTPDate: CustomStringConvertible {
    package var description: String {
        let seconds = secondsSince1970 - Self.firstSecond
        let days = seconds / 86_400 + Self.firstSecond / 86_400
        let clock = seconds % 86_400
        let (year, month, day) = Self.civil(days: days)
        // The first day of the year 1 was a Monday.
        let weekday = Self.weekdays[Int(seconds / 86_400 % 7)]
        return "\(weekday), \(padded(day, 2)) \(Self.months[Int(month) - 1]) \(padded(year, 4))"
            + " \(padded(clock / 3600, 2)):\(padded(clock / 60 % 60, 2)):\(padded(clock % 60, 2)) GMT"
    }

    private func padded(_ number: Int64, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
