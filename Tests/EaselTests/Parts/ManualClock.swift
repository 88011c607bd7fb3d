import LibEvent
import Synchronization

@testable import Easel

/// A clock that a test turns by hand; whoever sleeps by it moves it on instead of waiting.
final class ManualClock: Sendable {
    private let microseconds: Atomic<Int64>

    /// 2026-11-21T08:00:00Z, unless another moment is given.
    init(at start: Timestamp = Timestamp(microseconds: 1_795_248_000_000_000)) {
        microseconds = Atomic(start.microseconds)
    }

    var now: Timestamp { Timestamp(microseconds: microseconds.load(ordering: .acquiring)) }

    func advance(by duration: Duration) {
        microseconds.wrappingAdd(duration.microseconds, ordering: .acquiringAndReleasing)
    }

    /// Alarms do not ring: an hour is longer than any test.
    var wallClock: WallClock {
        WallClock(
            { self.now }, pause: { self.advance(by: $0) },
            alarm: { _ in try await EventLoop.sleep(for: .seconds(3600)) })
    }
}

/// Lines of a log, from any thread.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }
    var text: String { all.joined() }
    var log: Log { Log(threshold: .debug, write: { line in self.lines.withLock { $0.append(line) } }) }
}
