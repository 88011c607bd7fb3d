/// A stretch of an encoded JSON text.
package enum JSONSegment: Sendable, Hashable {
    case bytes([UInt8])
    /// The text of ``JSONValue/external(_:)`` goes here, between the quotation marks of its neighbours.
    ///
    /// It must need no escapes, as base64 and `data:` URIs do not.
    case external(Int)
}

extension JSONValue {
    /// The value as JSON text, with an empty string for each ``JSONValue/external(_:)``, whose text is elsewhere.
    ///
    /// Use ``segments(isPretty:)`` where their text matters, or ``replacingExternals(_:)`` first.
    package func encoded(isPretty: Bool = false) -> [UInt8] {
        var writer = JSONWriter(isPretty: isPretty)
        writer.write(self)
        writer.end()
        return writer.segments.flatMap { segment in
            if case .bytes(let bytes) = segment { bytes } else { [UInt8]() }
        }
    }

    /// The value as JSON text with gaps for the strings that are not in memory, so that a body can be sent in a stream.
    package func segments(isPretty: Bool = false) -> [JSONSegment] {
        var writer = JSONWriter(isPretty: isPretty)
        writer.write(self)
        writer.end()
        return writer.segments
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
