import HTTP
import JSON

/// A question to a provider's answer: is something there, or is it one of some values.
///
/// In a dialect: `error` (there is one), `success: false`, `code: not [0, 200]`.
struct Condition: Sendable, Hashable {
    enum Expectation: Sendable, Hashable {
        /// Anything but absent, `null`, empty, `false` and 0.
        case present
        case oneOf([String])
        /// There, and none of these.
        case noneOf([String])
    }

    var path: AnswerPath
    var expectation: Expectation

    func holds(in answer: Answer) -> Bool { holds(for: path.values(in: answer)) }

    func holds(in value: JSONValue) -> Bool { holds(for: path.values(in: value)) }

    private func holds(for values: [JSONValue]) -> Bool {
        switch expectation {
        case .present: values.contains(where: Self.saysSomething)
        case .oneOf(let expected): values.contains { value in expected.contains { value.isSpelled($0) } }
        case .noneOf(let expected): values.contains { value in !expected.contains { value.isSpelled($0) } }
        }
    }

    private static func saysSomething(_ value: JSONValue) -> Bool {
        switch value {
        case .null, .bool(false), .integer(0), .double(0): false
        case .string(let text): !text.isEmpty
        case .array(let elements): !elements.isEmpty
        case .object(let object): !object.isEmpty
        case .bool, .integer, .double, .external, .verbatim: true
        }
    }
}

extension JSONValue {
    /// Whether it is a scalar that reads like a word of the dialect, whatever its type and case.
    func isSpelled(_ word: String) -> Bool { scalarText?.equalsIgnoringASCIICase(word) ?? false }
}
