import Files

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

    var threshold = Level.info
    var clock = WallClock.system
    /// Takes a finished line; standard error, but for tests.
    var write: @Sendable (String) -> Void = { StandardError.write($0) }

    func debug(_ message: StaticString, _ pairs: KeyValuePairs<String, String> = [:]) { log(.debug, message, pairs) }
    func info(_ message: StaticString, _ pairs: KeyValuePairs<String, String> = [:]) { log(.info, message, pairs) }
    func warning(_ message: StaticString, _ pairs: KeyValuePairs<String, String> = [:]) {
        log(.warning, message, pairs)
    }
    func error(_ message: StaticString, _ pairs: KeyValuePairs<String, String> = [:]) { log(.error, message, pairs) }

    private func log(_ level: Level, _ message: StaticString, _ pairs: KeyValuePairs<String, String>) {
        guard level >= threshold else { return }
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
