import LibEvent
import Synchronization

@testable import Easel

/// A clock that a test turns by hand; whoever sleeps by it moves it on instead of waiting.
final class ManualClock: Sendable {
    private let microseconds: Atomic<Int64>
    private let alarmsRing: Bool

    /// 2026-11-21T08:00:00Z, unless another moment is given.
    ///
    /// Alarms ring at once, or not at all: an hour is longer than any test.
    init(at start: Timestamp = Timestamp(microseconds: 1_795_248_000_000_000), alarmsRing: Bool = false) {
        microseconds = Atomic(start.microseconds)
        self.alarmsRing = alarmsRing
    }

    var now: Timestamp { Timestamp(microseconds: microseconds.load(ordering: .acquiring)) }

    func advance(by duration: Duration) {
        microseconds.wrappingAdd(duration.microseconds, ordering: .acquiringAndReleasing)
    }

    var wallClock: WallClock {
        WallClock(
            { self.now }, pause: { self.advance(by: $0) },
            alarm: { duration in
                guard self.alarmsRing else { return try await EventLoop.sleep(for: .seconds(3600)) }
                self.advance(by: duration)
            })
    }
}

/// Lines of a log, from any thread.
final class LogLines: Sendable {
    private let lines = Mutex<[String]>([])

    var all: [String] { lines.withLock { $0 } }
    var text: String { all.joined() }
    var log: Log { Log(threshold: .info, write: { line in self.lines.withLock { $0.append(line) } }) }
}
