import Files
import LibEvent

/// The program's log: one line of `name=value` pairs on standard error.
///
/// Messages are constants and what varies is in the pairs, so that a line can be counted and searched for. Prompts,
/// keys, image bytes and query strings have no place in it.
struct Log: Sendable {
    enum Level: String, Sendable, Comparable, CaseIterable {
        case info, warning, error

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

    func info(_ message: StaticString, _ pairs: KeyValuePairs<String, String> = [:]) { log(.info, message, pairs) }
    func warning(_ message: StaticString, _ pairs: KeyValuePairs<String, String> = [:]) {
        log(.warning, message, pairs)
    }
    func error(_ message: StaticString, _ pairs: KeyValuePairs<String, String> = [:]) { log(.error, message, pairs) }

    private func log(_ level: Level, _ message: StaticString, _ pairs: KeyValuePairs<String, String>) {
        guard level >= threshold.withLock({ $0 }) else { return }
        var line = LogLine()
        line.append("time", clock.now.description)
        line.append("level", level.rawValue)
        line.append("message", message.description)
        for (name, value) in pairs where !value.isEmpty { line.append(name, value) }
        write(line.end())
    }
}

/// A line of the log while it is written, byte by byte: there are two for every request.
private struct LogLine {
    private var bytes: [UInt8] = []

    /// Bytes that there is room for at once: as long as most lines are.
    private static let usualLength = 320

    init() { bytes.reserveCapacity(Self.usualLength) }

    /// Ends the line, and returns it.
    mutating func end() -> String {
        bytes.append(UInt8(ascii: "\n"))
        return String(decoding: bytes, as: UTF8.self)
    }

    mutating func append(_ name: String, _ value: String) {
        if !bytes.isEmpty { bytes.append(UInt8(ascii: " ")) }
        bytes += name.utf8
        bytes.append(UInt8(ascii: "="))
        if Self.isWord(value.utf8Span.span) { bytes += value.utf8 } else { appendQuoted(value) }
    }

    private static func isWord(_ text: Span<UInt8>) -> Bool {
        for index in text.indices where !isInWord(text[index]) { return false }
        return true
    }

    /// Quotes a value that would not read back as one word; control characters cannot forge a line.
    private mutating func appendQuoted(_ value: String) {
        bytes.append(UInt8(ascii: "\""))
        for byte in value.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
            case 0x00..<0x20, 0x7F: bytes.append(UInt8(ascii: " "))
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func isInWord(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=")
    }
}
