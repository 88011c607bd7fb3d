/// How long something took, as Prometheus wants it told: how often, how long in all, and how often no longer than each of
/// a few bounds.
struct Histogram: Sendable, Hashable {
    /// In seconds: images are made in one to a hundred of them, a provider that says no is quicker, and `timeout` is later.
    static let bounds: [Double] = [0.1, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300]

    /// By the first bound that is not exceeded, and one more for what exceeds the last.
    private(set) var counts = [Int](repeating: 0, count: bounds.count + 1)
    private(set) var sum = Duration.zero

    mutating func add(_ duration: Duration) {
        let duration = max(duration, .zero)  // a clock may have been set back
        let seconds = duration.seconds
        counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
        sum += duration
    }
}

extension Duration {
    /// With fractions of a microsecond left out.
    var seconds: Double { Double(microseconds) / 1_000_000 }
}
