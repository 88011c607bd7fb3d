import LibEvent

/// Where the time comes from, and what waits for it to pass: the machine's clock, or one that a test turns by hand.
struct WallClock: Sendable {
    private let read: @Sendable () -> Timestamp
    private let pause: @EventLoop @Sendable (Duration) async throws -> Void
    private let ring: @EventLoop @Sendable (Duration) async throws -> Void

    init(
        _ read: @escaping @Sendable () -> Timestamp,
        pause: @escaping @EventLoop @Sendable (Duration) async throws -> Void = { try await EventLoop.sleep(for: $0) },
        alarm: @escaping @EventLoop @Sendable (Duration) async throws -> Void = { try await EventLoop.sleep(for: $0) }
    ) {
        self.read = read
        self.pause = pause
        ring = alarm
    }

    var now: Timestamp { read() }

    /// Suspends the task for a while.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    @EventLoop func sleep(for duration: Duration) async throws { try await pause(duration) }

    /// Suspends the task until a deadline that nothing but impatience depends on: a test may let it never come.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    @EventLoop func alarm(after duration: Duration) async throws { try await ring(duration) }

    /// The machine's clock.
    static let system = WallClock({ Timestamp(microseconds: microsecondsSince1970()) })
}
