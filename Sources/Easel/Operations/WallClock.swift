import LibEvent

/// Where the time comes from: the machine's clock, or one that a test turns by hand.
struct WallClock: Sendable {
    private let read: @Sendable () -> Timestamp

    init(_ read: @escaping @Sendable () -> Timestamp) { self.read = read }

    var now: Timestamp { read() }

    /// The machine's clock.
    static let system = WallClock { Timestamp(microseconds: microsecondsSince1970()) }
}
