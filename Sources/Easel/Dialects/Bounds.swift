import JSON

/// What a provider takes for one parameter.
struct Bound: Sendable, Hashable {
    enum Rule: Sendable, Hashable {
        case anything
        case numbers(NumberRange)
        case choices([JSONValue])
        /// The provider's word for each of ours.
        case words([Word])
        /// At most so many characters; longer text is cut.
        case characters(Int)
    }

    struct Word: Sendable, Hashable {
        /// The canonical value, as text.
        var asked: String
        var sent: JSONValue
    }

    var rule = Rule.anything
    /// What the provider does when the parameter is not sent; for people.
    var providerDefault: String?
}

/// Numbers from one to another, both included; integers are compared as integers.
struct NumberRange: Sendable, Hashable {
    var lower: JSONValue?
    var upper: JSONValue?

    func contains(_ value: JSONValue) -> Bool { clamped(value) == value }

    /// The value, or the end of the range it lies beyond.
    func clamped(_ value: JSONValue) -> JSONValue {
        if let lower, value.isLess(than: lower) { return lower }
        if let upper, upper.isLess(than: value) { return upper }
        return value
    }

    var isEmpty: Bool {
        guard let lower, let upper else { return false }
        return upper.isLess(than: lower)
    }

    /// As it is written in a dialect: `1..4`, `..50`.
    var text: String { "\(lower?.scalarText ?? "")..\(upper?.scalarText ?? "")" }
}

extension JSONValue {
    /// Whether one number is smaller than another; `false` for what is no number.
    func isLess(than other: JSONValue) -> Bool {
        if case .integer(let first) = self, case .integer(let second) = other { return first < second }
        guard let first = number, let second = other.number else { return false }
        return first < second
    }
}

extension Bound {
    /// A value as the provider takes it, and what became of it.
    struct Settled {
        /// `nil` when the provider takes no such value.
        var sent: JSONValue?
        var outcome: ParameterReport.Outcome
        var note: String?
    }

    func settle(_ asked: JSONValue) -> Settled {
        switch rule {
        case .anything: return Settled(sent: asked, outcome: .applied)
        case .numbers(let range):
            guard asked.number != nil else { return Settled(outcome: .dropped, note: "not a number") }
            let sent = range.clamped(asked)
            return sent == asked
                ? Settled(sent: asked, outcome: .applied)
                : Settled(sent: sent, outcome: .clamped, note: "the provider takes \(range.text)")
        case .choices(let choices):
            return choices.contains(asked)
                ? Settled(sent: asked, outcome: .applied)
                : Settled(outcome: .dropped, note: "the provider takes \(text ?? "nothing")")
        case .words(let words):
            guard let word = words.first(where: { asked.isSpelled($0.asked) }) else {
                return Settled(outcome: .dropped, note: "the provider takes \(text ?? "nothing")")
            }
            return Settled(sent: word.sent, outcome: word.sent == asked ? .applied : .mapped)
        case .characters(let limit):
            guard let text = asked.string else { return Settled(outcome: .dropped, note: "not text") }
            return text.count <= limit
                ? Settled(sent: asked, outcome: .applied)
                : Settled(
                    sent: .string(String(text.prefix(limit))), outcome: .clamped,
                    note: "the provider takes \(limit) characters")
        }
    }

    /// The bound as people write it: `1..50`, `png, jpeg`; `nil` when there is none.
    var text: String? {
        switch rule {
        case .anything: nil
        case .numbers(let range): range.text
        case .choices(let choices): choices.compactMap(\.scalarText).joined(separator: ", ")
        case .words(let words):
            words.map { word in
                word.sent.isSpelled(word.asked) ? word.asked : "\(word.asked) (\(word.sent.scalarText ?? ""))"
            }.joined(separator: ", ")
        case .characters(let limit): "\(limit) characters"
        }
    }
}
