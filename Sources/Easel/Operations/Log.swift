import Files
import LibEvent

/// The program's log: one line of `name=value` pairs on standard error.
///
/// Messages are constants and what varies is in the pairs, so that a line can be counted and searched for. Prompts,
/// keys, image bytes and query strings have no place in it.
struct Log: Sendable {
    enum Level: String, Sendable, Comparable, CaseIterable {
        case debug, info, warning, error

        static func < (left: Level, right: Level) -> Bool {
            allCases.firstIndex(of: left) ?? 0 < allCases.firstIndex(of: right) ?? 0
        }
    }

    /// The level of which lines have to be at least: the same for every copy of the log, and changed for all at once.
    private let threshold: Lock<Level>
    private let clock: WallClock
    /// Takes a finished line; standard error, but for tests, and there with all others of the loop's turn.
    private let write: @Sendable (String) -> Void

    init(
        threshold: Level = .info, clock: WallClock = .system,
        write: @escaping @Sendable (String) -> Void = { StandardError.gather($0) }
    ) {
        self.threshold = Lock(threshold)
        self.clock = clock
        self.write = write
    }

    /// Writes lines of a level and above from now on, whichever copy of the log they come from.
    func setThreshold(_ level: Level) { threshold.withLock { $0 = level } }

    func debug(_ message: StaticString, _ pairs: KeyValuePairs<String, String> = [:]) { log(.debug, message, pairs) }
    func info(_ message: StaticString, _ pairs: KeyValuePairs<String, String> = [:]) { log(.info, message, pairs) }
    func warning(_ message: StaticString, _ pairs: KeyValuePairs<String, String> = [:]) {
        log(.warning, message, pairs)
    }
    func error(_ message: StaticString, _ pairs: KeyValuePairs<String, String> = [:]) { log(.error, message, pairs) }

    private func log(_ level: Level, _ message: StaticString, _ pairs: KeyValuePairs<String, String>) {
        guard level >= threshold.withLock({ $0 }) else { return }
        var line = "time=\(clock.now) level=\(level.rawValue) message=\(Self.quoted("\(message)"))"
        for (name, value) in pairs where !value.isEmpty { line += " \(name)=\(Self.quoted(value))" }
        write(line + "\n")
    }

    /// Quotes a value that would not read back as one word; control characters cannot forge a line.
    private static func quoted(_ value: String) -> String {
        let isWord = value.utf8.allSatisfy {
            $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=")
        }
        guard !isWord else { return value }
        var quoted = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\\(scalar)"
            case "\n": quoted += "\\n"
            case let control where control.value < 0x20 || control.value == 0x7F: quoted += " "
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
