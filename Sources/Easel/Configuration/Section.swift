import YAML

/// Collects every mistake of a file instead of stopping at the first.
final class Mistakes {
    let file: String
    private(set) var all: [Mistake] = []

    init(file: String) { self.file = file }

    func report(_ position: Position, _ message: String) {
        all.append(Mistake(file: file, position: position, message: message))
    }
}

/// A mapping of the configuration being read: hands out typed values, and knows which keys nobody asked for.
struct Section {
    let node: Node
    /// The keys above it, for messages: `providers.seaart`.
    let path: String
    let mistakes: Mistakes
    let environment: @Sendable (String) -> String?

    /// Stands for the value of a variable that nobody needs: whatever is written with it is as good as absent.
    static let anything = "\u{0}"

    /// Reports keys that are not among those the section can have.
    ///
    /// - Returns: Whether the node is a mapping at all.
    @discardableResult
    func allow(_ keys: String...) -> Bool {
        guard let mapping = node.mapping else {
            mistakes.report(node.position, "\(subject) must be a mapping of \(keys.joined(separator: ", "))")
            return false
        }
        for entry in mapping where !keys.contains(entry.key) {
            let hint = didYouMean(entry.key, among: keys, otherwise: "; known are \(keys.joined(separator: ", "))")
            mistakes.report(entry.keyPosition, "unknown key '\(entry.key)' in \(subject)\(hint)")
        }
        return true
    }

    /// The section under a key; an empty one when the key is absent.
    func section(_ key: String) -> Section {
        let child = node[key].flatMap { $0.isNull ? nil : $0 } ?? Node(content: .mapping([]), position: node.position)
        return Section(node: child, path: joined(key), mistakes: mistakes, environment: environment)
    }

    /// Each entry of the section as a section of its own.
    var sections: [(entry: Node.Entry, section: Section)] {
        (node.mapping ?? []).map { entry in
            (entry, Section(node: entry.value, path: joined(entry.key), mistakes: mistakes, environment: environment))
        }
    }

    /// Its keys in the order of the file.
    var keys: [String] { (node.mapping ?? []).map(\.key) }

    /// The text of a key with `${NAME}` and `${NAME:-default}` replaced from the environment.
    func text(_ key: String) -> String? {
        guard let value = node[key], !value.isNull else { return nil }
        guard let text = value.string else {
            mistakes.report(value.position, "'\(joined(key))' must be text")
            return nil
        }
        let expanded = expanded(text, at: value.position)
        return expanded.contains(Self.anything) ? nil : expanded
    }

    /// A value read from the text of a key; what does not parse is reported with an example of what would.
    func value<Value>(_ key: String, like example: String, parse: (String) -> Value?) -> Value? {
        guard let text = text(key) else { return nil }
        if let value = parse(text) { return value }
        mistakes.report(position(of: key), "'\(joined(key))' is '\(text)'; write it like \(example)")
        return nil
    }

    func flag(_ key: String) -> Bool? {
        value(key, like: "true or false") { $0 == "true" ? true : $0 == "false" ? false : nil }
    }

    /// One of a few words.
    func choice<Choice: RawRepresentable & CaseIterable>(_ key: String, of: Choice.Type) -> Choice?
    where Choice.RawValue == String {
        value(key, like: Choice.allCases.map(\.rawValue).listed("or")) { Choice(rawValue: $0) }
    }

    func position(of key: String) -> Position { node[key]?.position ?? node.position }

    func joined(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    private var subject: String { path.isEmpty ? "the configuration" : "'\(path)'" }

    private func expanded(_ text: String, at position: Position) -> String {
        var expanded = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            expanded += rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else {
                mistakes.report(position, "'\(path)' has '${' without its '}'")
                return text
            }
            expanded += variable(rest[start.upperBound..<end], at: position)
            rest = rest[rest.index(after: end)...]
        }
        return expanded + rest
    }

    private func variable(_ reference: Substring, at position: Position) -> String {
        let separator = reference.firstRange(of: ":-")
        let name = String(reference[..<(separator?.lowerBound ?? reference.endIndex)])
        if let value = environment(name), !value.isEmpty { return value }
        if let separator { return String(reference[separator.upperBound...]) }
        mistakes.report(position, "the environment variable \(name) is not set; set it, or write ${\(name):-default}")
        return ""
    }
}
