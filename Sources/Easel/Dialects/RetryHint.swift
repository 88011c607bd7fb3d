import HTTP
import JSON

/// How long a provider asks to be left alone.
///
/// Providers say it in a header, in a field of the body or only in words.
enum RetryHint {
    /// Longest time that is believed.
    static let longest = Duration.seconds(24 * 3600)

    static func read(_ answer: Answer, paths: [AnswerPath], message: String) -> Duration? {
        let found =
            header(answer.fields)
            ?? paths.text(in: answer).flatMap(duration)
            ?? words(message)
        return found.map { min(max($0, .zero), longest) }
    }

    /// `retry-after-ms` (OpenAI), or `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
    ///
    /// A date is read against the answer's own `Date`: no clock is needed, and the provider's may be wrong.
    private static func header(_ fields: Fields) -> Duration? {
        if let text = fields["retry-after-ms"], let milliseconds = Double(text) { return seconds(milliseconds / 1000) }
        guard let text = fields["retry-after"] else { return nil }
        if let number = Double(text) { return seconds(number) }
        guard let then = HTTPDate(text), let now = fields["date"].flatMap({ HTTPDate($0) }) else { return nil }
        return .seconds(then.secondsSince1970 - now.secondsSince1970)
    }

    /// A number of seconds, or a number with a unit such as Google's `30s`.
    private static func duration(_ text: String) -> Duration? {
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        guard let amount = Double(number) else { return nil }
        switch text.dropFirst(number.count).trimmingOptionalWhitespace.lowercased().prefix(4) {
        case "", "s", "s.", "sec", "sec.", "seco": return seconds(amount)
        case "ms", "ms.", "mill": return seconds(amount / 1000)
        case "m", "min", "minu": return seconds(amount * 60)
        default: return nil
        }
    }

    /// Reads the words themselves, such as "Please try again in 240ms".
    private static func words(_ message: String) -> Duration? {
        let markers = ["try again in ", "available in ", "retry in "]
        guard let marker = markers.lazy.compactMap({ message.firstRange(of: $0) }).first else { return nil }
        let rest = message[marker.upperBound...].prefix(40)
        let number = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = rest.dropFirst(number.count).drop { $0 == " " }.prefix { $0.isLetter }
        return number.isEmpty || unit.isEmpty ? nil : duration("\(number) \(unit)")
    }

    private static func seconds(_ value: Double) -> Duration? {
        value.isFinite && value >= 0 ? .seconds(min(value, 86_400)) : nil
    }
}
