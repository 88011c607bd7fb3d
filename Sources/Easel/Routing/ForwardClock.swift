import LibEvent

/// The wall clock without its steps back.
///
/// A machine whose clock is set back by an hour would otherwise leave a provider alone for an hour longer.
@EventLoop
final class ForwardClock {
    private let clock: WallClock
    private var latest: Timestamp
    private var elapsed = Duration.zero
    private let start: Timestamp

    init(_ clock: WallClock) {
        self.clock = clock
        start = clock.now
        latest = start
    }

    /// A time that is never before an earlier one.
    var now: Timestamp {
        let wall = clock.now
        elapsed += max(wall - latest, .zero)
        latest = wall
        return start + elapsed
    }

    func sleep(for duration: Duration) async throws { try await clock.sleep(for: duration) }

    func alarm(after duration: Duration) async throws { try await clock.alarm(after: duration) }
}
