/// How often something may happen: `60/minute`.
struct Rate: Sendable, Hashable, CustomStringConvertible {
    enum Period: String, Sendable, CaseIterable {
        case second, minute, hour

        var duration: Duration {
            switch self {
            case .second: .seconds(1)
            case .minute: .seconds(60)
            case .hour: .seconds(3600)
            }
        }
    }

    var count: Int
    var period: Period

    /// The most there can be in one period: each of them is remembered for so long.
    static let largestCount = 100_000

    init(_ count: Int, per period: Period) {
        self.count = count
        self.period = period
    }

    /// Reads `60/minute`; `nil` for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let count = Int(parts[0]), (1...Self.largestCount).contains(count),
            let period = Period(rawValue: String(parts[1]))
        else { return nil }
        self.init(count, per: period)
    }

    var description: String { "\(count)/\(period.rawValue)" }
}

/// When the last requests were let through, as far back as their rate has to know.
///
/// Providers count in windows whose beginning nobody knows. A token bucket as large as the rate lets up to twice as many
/// through in one of them, and a bucket of one makes the four requests of one order wait for each other. So the starts
/// themselves are remembered, and no window of the period ever has more than the rate allows.
struct RateWindow: Sendable {
    private(set) var rate: Rate
    /// A ring, once it is full.
    private var starts: [Timestamp] = []
    /// The oldest of them, once it is full.
    private var oldest = 0

    init(_ rate: Rate) { self.rate = rate }

    /// When the next may start; `nil` for at once, whatever the time.
    var earliest: Timestamp? {
        starts.count < rate.count ? nil : starts[oldest] + rate.period.duration
    }

    /// Writes down a start, which may not be before ``earliest``.
    mutating func start(at now: Timestamp) {
        if starts.count < rate.count {
            starts.append(now)
        } else {
            starts[oldest] = now
            oldest = (oldest + 1) % starts.count
        }
    }

    /// Another rate, from here on: what has started counts against it.
    mutating func update(_ rate: Rate) {
        guard rate != self.rate else { return }
        starts = Array((starts[oldest...] + starts[..<oldest]).suffix(rate.count))
        oldest = 0
        self.rate = rate
    }
}
