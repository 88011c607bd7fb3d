import LibEvent

/// Where the time comes from, and what waits for it to pass: the machine's clock, or one that a test turns by hand.
struct WallClock: Sendable {
    private let read: @Sendable () -> Timestamp
    private let pause: @EventLoop @Sendable (Duration) async throws -> Void
    /// `nil` where the machine's timers tell.
    private let ring: (@EventLoop @Sendable (Duration) async throws -> Void)?

    init(
        _ read: @escaping @Sendable () -> Timestamp,
        pause: @escaping @EventLoop @Sendable (Duration) async throws -> Void = { try await EventLoop.sleep(for: $0) },
        alarm: (@EventLoop @Sendable (Duration) async throws -> Void)? = nil
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
    @EventLoop func alarm(after duration: Duration) async throws {
        if let ring { try await ring(duration) } else { try await EventLoop.sleep(for: duration) }
    }

    /// Does something at such a deadline, unless what is returned is gone by then: no task has to wait for it.
    @EventLoop func alarm(after duration: Duration, _ action: @escaping @EventLoop @Sendable () -> Void) -> Alarm {
        guard let ring else { return Alarm(after: duration, action) }
        return Alarm(action) { try await ring(duration) }
    }

    /// The machine's clock.
    static let system = WallClock({ Timestamp(microseconds: microsecondsSince1970()) })
}

/// Something that is done once at its time, for as long as it is kept.
@EventLoop
final class Alarm {
    private var timer: Timer?
    private var task: Task<Void, any Error>?

    fileprivate init(after duration: Duration, _ action: @escaping @EventLoop @Sendable () -> Void) {
        timer = Timer(fired: action)
        timer?.schedule(after: duration)
    }

    fileprivate init(
        _ action: @escaping @EventLoop @Sendable () -> Void,
        when time: @escaping @EventLoop @Sendable () async throws -> Void
    ) {
        task = EventLoop.spawn { [weak self] in
            try await time()
            if self != nil { action() }
        }
    }

    deinit { task?.cancel() }
}
