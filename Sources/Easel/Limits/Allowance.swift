/// How much of something that comes back minute by minute has been used, for a limit that may change at any time.
///
/// A bucket that holds a minute's worth and is filled evenly, known by nothing but the moment at which it will be full:
/// the generic cell rate algorithm (ITU-T Recommendation I.371, annex A).
struct Allowance: Sendable, Hashable {
    private var fullAt: Timestamp?

    /// How many are left of so many a minute.
    func remaining(of limit: Int, at now: Timestamp) -> Int {
        let free = Self.minute - reset(at: now)
        return max(0, min(limit, Int(free.microseconds / Self.interval(limit).microseconds)))
    }

    /// How long until all of them are there again.
    func reset(at now: Timestamp) -> Duration {
        // A clock that was set back must not make anybody wait for longer than a minute.
        min(Self.minute, max(.zero, (fullAt ?? now) - now))
    }

    /// Takes some of so many a minute, unless there are too few.
    ///
    /// - Returns: Zero, or how long it takes until there are enough; `nil` when there never are.
    mutating func take(_ count: Int, of limit: Int, at now: Timestamp) -> Duration? {
        guard count <= limit else { return nil }
        let full = reset(at: now) + Self.interval(limit) * count
        guard full <= Self.minute else { return full - Self.minute }
        fullAt = now + full
        return .zero
    }

    private static let minute = Duration.seconds(60)

    /// Between two of so many a minute, rounded down to the microsecond.
    private static func interval(_ limit: Int) -> Duration { .microseconds(60_000_000 / max(1, limit)) }
}
