/// A moment in microseconds since 1970 (UTC), as the ledger stores it.
struct Timestamp: Sendable, Hashable, Comparable {
    var microseconds: Int64

    init(microseconds: Int64) { self.microseconds = microseconds }

    var seconds: Int64 { microseconds / 1_000_000 }

    static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    static func - (left: Timestamp, right: Timestamp) -> Duration {
        .microseconds(left.microseconds &- right.microseconds)
    }

    static func - (left: Timestamp, right: Duration) -> Timestamp { left + (.zero - right) }

    static func + (left: Timestamp, right: Duration) -> Timestamp {
        let (sum, overflow) = left.microseconds.addingReportingOverflow(right.microseconds)
        return Timestamp(microseconds: overflow ? (right < .zero ? .min : .max) : sum)
    }
}

extension Timestamp: CustomStringConvertible {
    /// ISO 8601 in UTC with milliseconds, `2026-11-21T08:43:00.125Z`.
    var description: String {
        // Not the time since the day's start: the first day of all has its start before the first moment of all.
        let remainder = microseconds % Day.microseconds
        let time = remainder < 0 ? remainder + Day.microseconds : remainder
        let (hours, minutes, seconds) = (time / 3_600_000_000, time / 60_000_000 % 60, time / 1_000_000 % 60)
        return """
            \(Day(of: self))T\(padded(hours, to: 2)):\(padded(minutes, to: 2)):\(padded(seconds, to: 2))\
            .\(padded(time / 1000 % 1000, to: 3))Z
            """
    }

    /// Twelve hexadecimal digits of milliseconds, which sort as the moments do.
    var sortableText: String { padded(max(0, microseconds) / 1000, to: 12, radix: 16) }
}

extension Duration {
    /// Whole microseconds; the largest number beyond 292,000 years.
    var microseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000)
        return overflow ? (seconds < 0 ? .min : .max) : product &+ attoseconds / 1_000_000_000_000
    }

    var milliseconds: Int64 { microseconds / 1000 }
}

/// A number with zeros before it, as clocks and calendars show it.
func padded(_ number: Int64, to width: Int, radix: Int = 10) -> String {
    let digits = String(number, radix: radix)
    let missing = width - digits.utf8.count
    return missing > 0 ? String(repeating: "0", count: missing) + digits : digits
}
