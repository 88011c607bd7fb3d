/// The name of one version of a resource (RFC 9110, section 8.8.3).
package struct EntityTag: Sendable, Hashable {
    /// What stands between the quotation marks.
    package let value: String
    package let isWeak: Bool

    package init(_ value: String, isWeak: Bool = false) {
        self.value = value
        self.isWeak = isWeak
    }

    /// Reads one tag, such as `"x"` or `W/"x"`; `nil` when it is malformed.
    package init?(parsing text: some StringProtocol) {
        let text = Substring(text).trimmingOptionalWhitespace
        guard let (tag, rest) = Self.first(in: text.utf8), rest.isEmpty else { return nil }
        self = tag
    }

    /// Whether an `If-None-Match` field names this version, so that the answer is 304 (RFC 9110, section 13.1.2).
    ///
    /// Tags compare weakly. A malformed field matches nothing: the whole resource is sent again.
    package func matches(ifNoneMatch field: some StringProtocol) -> Bool {
        if Substring(field).trimmingOptionalWhitespace == "*" { return true }
        var rest = Substring(field).utf8[...]
        while true {
            rest = rest.drop { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            guard let (tag, afterTag) = Self.first(in: rest) else { return false }
            if tag.value == value { return true }
            rest = afterTag
        }
    }

    /// Whether an `If-Range` field names this version, so that a range may be sent (RFC 9110, section 13.1.5).
    ///
    /// Tags compare strongly, and dates never match.
    package func matches(ifRange field: some StringProtocol) -> Bool {
        guard let tag = EntityTag(parsing: field) else { return false }
        return tag == self && !isWeak
    }

    private static func first(in text: Substring.UTF8View) -> (tag: EntityTag, rest: Substring.UTF8View)? {
        let isWeak = text.starts(with: "W/".utf8)
        let opaque = isWeak ? text.dropFirst(2) : text
        guard opaque.first == UInt8(ascii: "\"") else { return nil }
        let value = opaque.dropFirst().prefix { $0 != UInt8(ascii: "\"") }
        guard value.endIndex < opaque.endIndex, value.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else { return nil }
        return (EntityTag(String(Substring(value)), isWeak: isWeak), opaque[value.endIndex...].dropFirst())
    }
}

extension EntityTag: CustomStringConvertible {
    package var description: String { "\(isWeak ? "W/" : "")\"\(value)\"" }
}
