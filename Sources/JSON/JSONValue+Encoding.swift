extension JSONValue {
    /// The value as JSON text, with an empty string for each ``JSONValue/external(_:)``, whose text is elsewhere.
    ///
    /// Use ``replacingExternals(_:)`` first where their text matters. There is room for `count` bytes at once.
    package func encoded(isPretty: Bool = false, reserving count: Int = usualLength) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(count)
        var writer = JSONWriter(after: text, isPretty: isPretty)
        writer.write(self)
        return writer.text
    }

    /// Writes the value as JSON text after others.
    package func encode(into text: inout [UInt8]) {
        var writer = JSONWriter(after: exchange(&text, with: []))
        writer.write(self)
        text = writer.text
    }

    /// Bytes that there is room for at once: as long as most texts are.
    package static let usualLength = 256

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
