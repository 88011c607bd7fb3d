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
        var text: [UInt8] = []
        text.reserveCapacity(Self.usualLength)
        Day(of: self).write(to: &text)
        text.append("T", hours, paddedTo: 2)
        text.append(":", minutes, paddedTo: 2)
        text.append(":", seconds, paddedTo: 2)
        text.append(".", time / 1000 % 1000, paddedTo: 3)
        text.append(UInt8(ascii: "Z"))
        return String(decoding: text, as: UTF8.self)
    }

    private static let usualLength = 24

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
func padded(_ number: Int64, to width: Int, radix: UInt64 = 10) -> String {
    var text: [UInt8] = []
    text.append(number, paddedTo: width, radix: radix)
    return String(decoding: text, as: UTF8.self)
}

extension [UInt8] {
    /// Adds a number with zeros before it, digit by digit: every line of the log has seven.
    ///
    /// The radix is 10 at least.
    mutating func append(_ number: Int64, paddedTo width: Int, radix: UInt64 = 10) {
        if number < 0 { append(UInt8(ascii: "-")) }
        var digits = InlineArray<20, UInt8>(repeating: UInt8(ascii: "0"))
        var start = digits.count
        var rest = number.magnitude
        repeat {
            let digit = UInt8(truncatingIfNeeded: rest % radix)
            start -= 1
            digits[start] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            rest /= radix
        } while rest > 0
        for index in Swift.min(start, digits.count - width)..<digits.count { append(digits[index]) }
    }

    /// Adds a number with zeros before it, after what separates it from another.
    mutating func append(_ separator: Unicode.Scalar, _ number: Int64, paddedTo width: Int) {
        append(UInt8(ascii: separator))
        append(number, paddedTo: width)
    }
}
