/// What a client would like of how its request is served, from its `Prefer` fields (RFC 7240).
///
/// A preference may be ignored, so one that is malformed is as good as absent, and spoils none of the others.
package struct Preferences: Sendable, Hashable {
    private struct Preference: Sendable, Hashable {
        var name: String
        var value: String
    }

    private var all: [Preference] = []

    package init(_ fields: Fields) {
        for element in fields.values(of: "prefer").flatMap({ Self.split($0, at: ",") }) {
            // Parameters after a semicolon refine a preference; none is known for those that are used here.
            guard let preference = Self.split(String(element), at: ";").first.flatMap(Self.preference) else { continue }
            all.append(preference)
        }
    }

    /// The value of a preference, empty where it has none; `nil` when the client did not state it.
    ///
    /// Names are compared without regard to case, and only the first of a name counts (RFC 7240, section 2).
    package subscript(name: String) -> String? {
        all.first { $0.name.equalsIgnoringASCIICase(name) }?.value
    }

    /// `token`, or `token = word`, where a word is a token or a quoted string.
    private static func preference(_ text: Substring) -> Preference? {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts[0].trimmingOptionalWhitespace
        guard !name.isEmpty, name.utf8.allSatisfy(\.isInToken) else { return nil }
        guard parts.count == 2 else { return Preference(name: String(name), value: "") }
        let word = parts[1].trimmingOptionalWhitespace
        guard word.first == "\"" else {
            return word.utf8.allSatisfy(\.isInToken) ? Preference(name: String(name), value: String(word)) : nil
        }
        return unquoted(word).map { Preference(name: String(name), value: $0) }
    }

    /// The text of a quoted string (RFC 9110, section 5.6.4); `nil` when it has no end, or something after it.
    private static func unquoted(_ text: Substring) -> String? {
        var (value, isEscaped) = ("", false)
        var rest = text.dropFirst()
        while let character = rest.popFirst() {
            switch character {
            case _ where isEscaped:
                value.append(character)
                isEscaped = false
            case "\\": isEscaped = true
            case "\"": return rest.isEmpty ? value : nil
            default: value.append(character)
            }
        }
        return nil
    }

    /// Splits a text at a character wherever that is in no quoted string.
    private static func split(_ text: String, at separator: Character) -> [Substring] {
        var (isQuoted, isEscaped) = (false, false)
        return text.split { character in
            defer { isEscaped = isQuoted && !isEscaped && character == "\\" }
            if character == "\"", !isEscaped { isQuoted.toggle() }
            return character == separator && !isQuoted
        }
    }
}
