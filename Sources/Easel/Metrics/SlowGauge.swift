import LibEvent

/// A value that takes a while to read, and on a disk that hangs for ever: a page that would tell of that must not wait.
@EventLoop
final class SlowGauge<Value: Sendable> {
    private let read: @EventLoop @Sendable () async throws -> Value
    private let clock: WallClock
    /// The reading that is under way: there is one at a time, however many ask.
    private var reading: Promise<Value?>?

    /// How long a reading is waited for.
    private let patience = Duration.seconds(1)

    init(clock: WallClock, read: @escaping @EventLoop @Sendable () async throws -> Value) {
        self.clock = clock
        self.read = read
    }

    /// The value now; `nil` when it cannot be read, or not in time.
    func value() async -> Value? {
        let answer = Promise<Value?>()
        (reading ?? begin()).passOn(to: answer)
        let impatience = EventLoop.spawn {
            try await self.clock.alarm(after: self.patience)
            answer.fulfil(nil)
        }
        defer { impatience.cancel() }
        return await answer.wait() ?? nil
    }

    private func begin() -> Promise<Value?> {
        let reading = Promise<Value?>()
        self.reading = reading
        EventLoop.spawn {
            let value = try? await self.read()
            self.reading = nil
            reading.fulfil(value)
        }
        return reading
    }
}
