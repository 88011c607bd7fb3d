/// A page in Prometheus' text format, version 0.0.4, while it is written.
///
/// The source is prometheus.io/docs/instrumenting/exposition_formats: a family has one `HELP`, one `TYPE`, and then all its
/// samples.
struct Exposition: Sendable {
    enum Kind: String, Sendable {
        case counter, gauge, histogram, summary
    }

    typealias Labels = KeyValuePairs<String, String>

    static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var bytes: [UInt8] = []
    /// The family that samples are added to.
    private var name = ""

    /// Begins a family; counters end in `_total`, and what has a unit tells it in the plural before that.
    mutating func begin(_ name: String, _ kind: Kind, _ help: String) {
        self.name = name
        append("# HELP \(name) ")
        appendEscaped(help, quotes: false)
        append("\n# TYPE \(name) \(kind.rawValue)\n")
    }

    mutating func add(_ value: Int, _ labels: Labels = [:]) { line("", labels, "\(value)") }

    mutating func add(_ value: Double, _ labels: Labels = [:]) { line("", labels, Self.text(of: value)) }

    /// Adds a histogram in seconds, with the labels that all its lines have.
    mutating func add(_ histogram: Histogram, _ labels: Labels) {
        var count = 0
        let bounds = Histogram.bounds.map(Self.text) + ["+Inf"]
        for (bound, more) in zip(bounds, histogram.counts) {
            count += more
            line("_bucket", labels, bound: bound, "\(count)")
        }
        line("_sum", labels, Self.text(of: histogram.sum.seconds))
        line("_count", labels, "\(count)")
    }

    /// Adds a sum and how many there were, of which nobody knows how they spread.
    mutating func add(sum: Double, count: Int) {
        line("_sum", [:], Self.text(of: sum))
        line("_count", [:], "\(count)")
    }

    private mutating func line(_ suffix: String, _ labels: Labels, bound: String? = nil, _ value: String) {
        append(name + suffix)
        var separator = "{"
        for (label, value) in labels {
            append("\(separator)\(label)=\"")
            appendEscaped(value, quotes: true)
            append("\"")
            separator = ","
        }
        if let bound {
            append("\(separator)le=\"\(bound)\"")
            separator = ","
        }
        append("\(separator == "{" ? "" : "}") \(value)\n")
    }

    private mutating func append(_ text: String) { bytes += text.utf8 }

    /// Quotes are escaped in the values of labels alone.
    private mutating func appendEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): bytes += [byte, byte]
            case UInt8(ascii: "\"") where quotes: bytes += [UInt8(ascii: "\\"), byte]
            case UInt8(ascii: "\n"): bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
            default: bytes.append(byte)
            }
        }
    }

    /// As short as it can be said: `0.1`, `30`.
    private static func text(of value: Double) -> String {
        if value == .infinity { return "+Inf" }
        let text = "\(value)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }
}
