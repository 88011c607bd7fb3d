package import YAML

// Stand-ins with the signatures of Configuration/ and Operations/, until those are here. Delete this file then.

/// A mistake in a file the owner wrote, where an editor can jump to it.
package struct Mistake: Error, Sendable, Hashable, CustomStringConvertible {
    package var file: String
    package var position: Position
    package var message: String

    package init(file: String, position: Position, message: String) {
        self.file = file
        self.position = position
        self.message = message
    }

    /// `file:line:column: message`, as compilers print it.
    package var description: String { "\(file):\(position.line):\(position.column): \(message)" }
}

/// Every mistake of a file, in the order of its lines.
package struct MistakeList: Error, Sendable {
    package var all: [Mistake]

    package init(all: [Mistake]) {
        self.all = all.sorted { ($0.position.line, $0.position.column) < ($1.position.line, $1.position.column) }
    }
}

/// Collects every mistake of a file instead of stopping at the first.
final class Mistakes {
    let file: String
    private(set) var all: [Mistake] = []

    init(file: String) { self.file = file }

    func report(_ position: Position, _ message: String) {
        all.append(Mistake(file: file, position: position, message: message))
    }
}

/// A value that must not be seen: it prints as dots, and `reveal()` is easy to search for.
struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible {
    private let value: String

    init(_ value: String) { self.value = value }

    /// The value itself, for the one place that must send or hash it.
    func reveal() -> String { value }

    var isEmpty: Bool { value.isEmpty }
    var description: String { "•••" }
    var debugDescription: String { "•••" }
}

/// Numbers with a unit as people write them in the configuration.
enum Quantity {
    /// Reads `500ms`, `90s`, `15m`, `24h`, `30d`.
    static func duration(_ text: String) -> Duration? {
        scaled(text, by: ["ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000])
            .map { .milliseconds($0) }
    }

    /// Reads `100`, `64KB`, `256MB`, `50GB`.
    static func bytes(_ text: String) -> Int? {
        scaled(text, by: ["": 1, "B": 1, "KB": 1000, "MB": 1_000_000, "GB": 1_000_000_000]).map { Int($0) }
    }

    /// Reads `50MP` (megapixels) or a plain number of pixels.
    static func pixels(_ text: String) -> Int? {
        scaled(text, by: ["": 1, "MP": 1_000_000]).map { Int($0) }
    }

    private static func scaled(_ text: String, by units: [String: Int64]) -> Int64? {
        let number = text.prefix { $0.isASCII && $0.isNumber }
        guard let factor = units[String(text.dropFirst(number.count))], let amount = Int64(number) else { return nil }
        let (product, overflow) = amount.multipliedReportingOverflow(by: factor)
        return overflow ? nil : product
    }
}
