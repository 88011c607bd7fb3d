import HTTP
import JSON

/// Where something is in a provider's answer: `data[].url`, `output.choices[0].message`, `.`, `$header.x-request-id`.
///
/// `name` steps into an object, `[2]` into an array, `[]` into every element of an array; `.` is the value itself.
struct AnswerPath: Sendable, Hashable {
    enum Step: Sendable, Hashable {
        case member(String)
        case element(Int)
        case everyElement
    }

    enum Root: Sendable, Hashable {
        case body
        case header(String)
    }

    var root = Root.body
    var steps: [Step] = []
    /// As it is written in the dialect.
    var text: String

    /// Reads a path.
    ///
    /// - Throws: ``SyntaxError`` with a sentence for the dialect's author.
    init(_ text: String) throws(SyntaxError) {
        self.text = text
        if text == "." { return }
        let headerPrefix = "$header."
        if text.hasPrefix(headerPrefix) {
            let name = String(text.dropFirst(headerPrefix.count))
            guard !name.isEmpty, !name.contains(where: { $0.isWhitespace || $0 == "[" }) else {
                throw SyntaxError("'\(text)' names no header; write it like $header.x-request-id")
            }
            root = .header(name)
            return
        }
        for part in text.split(separator: ".", omittingEmptySubsequences: false) {
            try Self.read(part, of: text, into: &steps)
        }
    }

    private static func read(
        _ part: Substring, of text: String, into steps: inout [Step]
    ) throws(SyntaxError) {
        let name = part.prefix { $0 != "[" }
        guard !part.isEmpty, !name.contains(where: { $0.isWhitespace || $0 == "]" || $0 == "$" }) else {
            throw SyntaxError("the path '\(text)' leads into nothing; write it like data[].url or error.message")
        }
        if !name.isEmpty { steps.append(.member(String(name))) }
        var rest = part.dropFirst(name.count)
        while !rest.isEmpty {
            guard rest.first == "[", let close = rest.firstIndex(of: "]") else {
                throw SyntaxError("the path '\(text)' has a bracket without its pair")
            }
            let index = rest[rest.index(after: rest.startIndex)..<close]
            if index.isEmpty {
                steps.append(.everyElement)
            } else if let index = Int(index), index >= 0 {
                steps.append(.element(index))
            } else {
                throw SyntaxError(
                    "'[\(index)]' in the path '\(text)' is no index; write [] for every element, [0] for the first")
            }
            rest = rest[rest.index(after: close)...]
        }
    }
}

/// Why a piece of text in a dialect cannot be read: a sentence for its author.
struct SyntaxError: Error, Sendable, Hashable {
    var message: String

    init(_ message: String) { self.message = message }
}

extension AnswerPath {
    /// Everything the path leads to in an answer, in order; absent, `null` and empty strings are not there.
    func values(in answer: Answer) -> [JSONValue] {
        switch root {
        case .header(let name): answer.fields[name].map { $0.isEmpty ? [] : [.string($0)] } ?? []
        case .body: values(in: answer.bodyValue)
        }
    }

    /// Everything the path leads to in a value of the body.
    func values(in value: JSONValue) -> [JSONValue] {
        guard root == .body else { return [] }
        var found: [JSONValue] = []
        Self.follow(steps[...], from: value, into: &found)
        return found
    }

    private static func follow(_ steps: ArraySlice<Step>, from value: JSONValue, into found: inout [JSONValue]) {
        let rest = steps.dropFirst()
        switch steps.first {
        case nil: if !value.isAbsent { found.append(value) }
        case .member(let name): if let member = value[name] { follow(rest, from: member, into: &found) }
        case .element(let index): if let element = value[index] { follow(rest, from: element, into: &found) }
        case .everyElement: for element in value.array ?? [] { follow(rest, from: element, into: &found) }
        }
    }
}

extension [AnswerPath] {
    /// What the first alternative that leads anywhere leads to.
    func values(in answer: Answer) -> [JSONValue] {
        lazy.map { $0.values(in: answer) }.first { !$0.isEmpty } ?? []
    }

    func values(in value: JSONValue) -> [JSONValue] {
        lazy.map { $0.values(in: value) }.first { !$0.isEmpty } ?? []
    }

    /// The first text, number or flag that any alternative leads to, as text.
    func text(in answer: Answer) -> String? { first(\.scalarText) { $0.values(in: answer) } }

    func text(in value: JSONValue) -> String? { first(\.scalarText) { $0.values(in: value) } }

    /// The first of what can be made of the values that the alternatives lead to; none is followed after it.
    func first<Found>(_ read: (JSONValue) -> Found?, of values: (AnswerPath) -> [JSONValue]) -> Found? {
        for path in self {
            for value in values(path) {
                if let found = read(value) { return found }
            }
        }
        return nil
    }
}

extension JSONValue {
    /// Whether providers mean "nothing" by it: `null` and the empty string.
    var isAbsent: Bool {
        switch self {
        case .null: true
        case .string(let text): text.isEmpty
        default: false
        }
    }

    /// A string, number or flag as text; codes come as any of them.
    var scalarText: String? {
        switch self {
        case .string(let text): text.isEmpty ? nil : text
        case .integer(let integer): String(integer)
        case .double(let double): int64.map { String($0) } ?? String(double)
        case .bool(let flag): String(flag)
        case .null, .external, .verbatim, .array, .object: nil
        }
    }
}

extension Answer {
    /// The body as a value: JSON itself, other text as a string.
    fileprivate var bodyValue: JSONValue {
        switch body {
        case .json(let value): value
        case .text(let text): .string(text)
        case .image, .empty: .null
        }
    }
}
