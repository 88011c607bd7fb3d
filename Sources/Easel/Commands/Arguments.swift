import YAML

/// The words after a command, taken apart: options as `--name value` or `--name=value`, the rest in order.
struct Arguments {
    private(set) var words: [String] = []
    private var options: [String: [String]] = [:]
    private var flags: Set<String> = []

    /// Takes the words apart.
    ///
    /// - Parameters:
    ///   - raw: The words.
    ///   - known: The names that take a value, without dashes.
    ///   - knownFlags: The names that take none.
    /// - Throws: A usage error that names the word nobody understands.
    init(_ raw: ArraySlice<String>, options known: [String], flags knownFlags: [String] = []) throws(UsageError) {
        var raw = raw
        while let word = raw.popFirst() {
            guard word.hasPrefix("--") else {
                words.append(word)
                continue
            }
            let parts = word.dropFirst(2).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = String(parts.first ?? "")
            if knownFlags.contains(name) {
                guard parts.count == 1 else { throw UsageError("--\(name) takes no value") }
                flags.insert(name)
            } else if known.contains(name) {
                guard let value = parts.count == 2 ? String(parts[1]) : raw.popFirst() else {
                    throw UsageError("--\(name) needs a value")
                }
                options[name, default: []].append(value)
            } else {
                let hint = didYouMean("--\(name)", among: (known + knownFlags).map { "--\($0)" })
                throw UsageError("unknown option '--\(name)'\(hint)")
            }
        }
    }

    /// The value of an option, the last one where it was given several times; `nil` when it was not given.
    subscript(option: String) -> String? { options[option]?.last }

    /// Every value of an option, in order.
    func values(of option: String) -> [String] { options[option] ?? [] }

    func has(_ flag: String) -> Bool { flags.contains(flag) }

    /// Takes the next word in order.
    mutating func next() -> String? { words.isEmpty ? nil : words.removeFirst() }

    /// Takes the next word as one of a command's actions, and insists that no options are given but those it has.
    ///
    /// `actions` has the names of the options of each, `config` aside, which all have.
    mutating func nextAction(of command: String, _ actions: KeyValuePairs<String, [String]>) throws(UsageError)
        -> String
    {
        let names = actions.map(\.key)
        guard let word = next() else { throw UsageError("\(command) needs an action: \(names.listed("or"))") }
        guard let action = actions.first(where: { $0.key == word }) else {
            let hint = didYouMean(word, among: names, otherwise: "; there are \(names.listed("and"))")
            throw UsageError("unknown action '\(command) \(word)'\(hint)")
        }
        let given = flags.union(options.keys).subtracting(action.value).subtracting(["config"])
        if let option = given.min() { throw UsageError("'\(command) \(word)' has no option --\(option)") }
        return word
    }

    /// Insists that every word was understood.
    func end() throws(UsageError) {
        if let word = words.first { throw UsageError("unexpected '\(word)'") }
    }
}

/// The command was not understood: exit code 2.
struct UsageError: Error, Sendable, Hashable {
    var message: String

    init(_ message: String) { self.message = message }
}

/// The command was understood and cannot be done: exit code 1.
struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
    var message: String
    var description: String { message }

    init(_ message: String) { self.message = message }
}
