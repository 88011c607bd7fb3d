extension JSONValue {
    /// The value as JSON text, with an empty string for each ``JSONValue/external(_:)``, whose text is elsewhere.
    ///
    /// Use ``replacingExternals(_:)`` first where their text matters.
    package func encoded(isPretty: Bool = false) -> [UInt8] {
        var writer = JSONWriter(isPretty: isPretty)
        writer.write(self)
        return writer.text
    }

    /// The value with each external string replaced, such as by a note of its size for a log.
    package func replacingExternals(_ replacement: (Int) -> JSONValue) -> JSONValue {
        switch self {
        case .external(let number):
            replacement(number)
        case .array(let elements):
            .array(elements.map { $0.replacingExternals(replacement) })
        case .object(let object):
            .object(
                JSONObject(
                    members: object.members.map {
                        JSONObject.Member(name: $0.name, value: $0.value.replacingExternals(replacement))
                    }))
        default: self
        }
    }
}
