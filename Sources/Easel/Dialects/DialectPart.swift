import YAML

/// A mapping of a dialect file being read, with a mistake for everything that does not fit.
struct DialectPart {
    let node: Node
    /// What it is called in messages, such as `'queue.status'`.
    let name: String
    let mistakes: Mistakes

    /// Reports the keys of the mapping that are not among those it can have.
    init(_ node: Node, _ name: String, _ mistakes: Mistakes, keys: [String]) {
        self.node = node
        self.name = name
        self.mistakes = mistakes
        guard let entries = node.mapping else {
            mistakes.report(node.position, "'\(name)' must be a mapping of \(keys.joined(separator: ", "))")
            return
        }
        for entry in entries where !keys.contains(entry.key) {
            let hint = didYouMean(entry.key, among: keys, otherwise: "; known are \(keys.joined(separator: ", "))")
            mistakes.report(entry.keyPosition, "unknown key '\(entry.key)' in '\(name)'\(hint)")
        }
    }

    /// The node of a key; `nil` when it is absent or null.
    subscript(key: String) -> Node? { node[key].flatMap { $0.isNull ? nil : $0 } }

    /// The mapping under a key.
    func part(_ key: String, keys: [String]) -> DialectPart? {
        self[key].map { DialectPart($0, "\(name).\(key)", mistakes, keys: keys) }
    }

    func text(_ key: String) -> String? { self[key].flatMap { text($0, "'\(key)'") } }

    /// A value read from the text of a key; `example` shows what can be read.
    func value<Value>(_ key: String, like example: String, _ read: (String) -> Value?) -> Value? {
        guard let text = text(key) else { return nil }
        if let value = read(text) { return value }
        report(key, "'\(key)' is '\(text)'; write it like \(example)")
        return nil
    }

    /// The elements of a list, or a single one.
    func list(_ key: String) -> [Node] { self[key].map { $0.sequence ?? [$0] } ?? [] }

    func texts(_ key: String) -> [String] { list(key).compactMap { text($0, "each of '\(key)'") } }

    /// Alternative paths into an answer.
    func paths(_ key: String) -> [AnswerPath] { list(key).compactMap { path($0) } }

    func path(_ node: Node) -> AnswerPath? {
        guard let text = text(node, "a path") else { return nil }
        return reading(node.position) { () throws(SyntaxError) in try AnswerPath(text) }
    }

    func report(_ key: String, _ message: String) { mistakes.report(self[key]?.position ?? node.position, message) }

    /// The value, or `nil` and a mistake that says why there is none.
    func reading<Value>(_ position: Position, _ read: () throws(SyntaxError) -> Value) -> Value? {
        do throws(SyntaxError) { return try read() } catch {
            mistakes.report(position, error.message)
            return nil
        }
    }

    func text(_ node: Node, _ what: String) -> String? {
        guard let text = node.string else {
            mistakes.report(node.position, "\(what) must be text")
            return nil
        }
        return text
    }
}

extension DialectPart {
    /// Conditions: paths that must lead to something, or paths with the values that are meant.
    func conditions(_ key: String) -> [Condition] {
        list(key).flatMap { node -> [Condition] in
            guard let entries = node.mapping else {
                return path(node).map { [Condition(path: $0, expectation: .present)] } ?? []
            }
            return entries.compactMap { entry in
                guard let path = reading(entry.keyPosition, { () throws(SyntaxError) in try AnswerPath(entry.key) })
                else {
                    return nil
                }
                return Condition(path: path, expectation: expectation(entry.value))
            }
        }
    }

    private func expectation(_ node: Node) -> Condition.Expectation {
        if let nodes = node.sequence { return .oneOf(nodes.compactMap { text($0, "a value") }) }
        guard let text = text(node, "a value") else { return .present }
        guard text.hasPrefix("not ") else { return .oneOf([text]) }
        // `not [0, 200]` is one plain scalar to YAML.
        let values = text.dropFirst("not ".count).drop { $0 == "[" || $0 == " " }.prefix { $0 != "]" }
        return .noneOf(values.split(separator: ",").map { String($0.drop { $0 == " " }) })
    }
}
