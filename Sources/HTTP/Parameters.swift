/// The parameters after a value in a header field: `; name=value; name="value"` (RFC 9110, section 5.6.6).
///
/// Names are in lower case. Values without quotes may hold more than tokens, since boundaries in the wild do.
package struct Parameters: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    package struct Parameter: Sendable, Hashable {
        package let name: String
        package let value: String
    }

    /// What a backslash in a quoted string means.
    enum Backslash {
        /// It escapes the next character (RFC 9110, section 5.6.4).
        case escapesAnything
        /// It escapes quotation marks and itself, and else is one: `filename="C:\images\otter.png"`.
        case escapesQuotes
    }

    package private(set) var all: [Parameter] = []

    package init(dictionaryLiteral elements: (String, String)...) {
        all = elements.map { Parameter(name: $0.0.lowercased(), value: $0.1) }
    }

    /// Reads everything after the value; `nil` when it is malformed or repeats a name.
    init?(_ text: some StringProtocol, backslash: Backslash) {
        var rest = Substring(text).utf8[...]
        while true {
            rest = rest.drop(while: \.isBlank)
            if rest.isEmpty { return }
            guard rest.popFirst() == UInt8(ascii: ";") else { return nil }
            rest = rest.drop(while: \.isBlank)
            if rest.isEmpty || rest.first == UInt8(ascii: ";") { continue }

            let name = rest.prefix(while: \.isInToken)
            rest = rest[name.endIndex...]
            guard !name.isEmpty, rest.popFirst() == UInt8(ascii: "=") else { return nil }
            guard let value = Self.value(&rest, backslash) else { return nil }
            let parameter = Parameter(
                name: String(decoding: name.map(\.loweredASCII), as: UTF8.self), value: value)
            guard self[parameter.name] == nil else { return nil }
            all.append(parameter)
        }
    }

    /// The value under a name, whatever its case.
    package subscript(name: String) -> String? {
        all.first { $0.name.equalsIgnoringASCIICase(name) }?.value
    }

    private static func value(_ rest: inout Substring.UTF8View, _ backslash: Backslash) -> String? {
        guard rest.first == UInt8(ascii: "\"") else {
            let value = rest.prefix { !$0.isBlank && $0 != UInt8(ascii: ";") }
            rest = rest[value.endIndex...]
            return value.isEmpty || value.contains(UInt8(ascii: "\"")) ? nil : String(Substring(value))
        }
        rest.removeFirst()
        var value: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""):
                return String(decoding: value, as: UTF8.self)
            case UInt8(ascii: "\\"):
                let isQuote = rest.first == UInt8(ascii: "\"") || rest.first == UInt8(ascii: "\\")
                let escaped = isQuote || backslash == .escapesAnything ? rest.popFirst() : byte
                guard let escaped else { return nil }
                value.append(escaped)
            default: value.append(byte)
            }
        }
        return nil
    }
}

extension Parameters: CustomStringConvertible {
    /// The parameters as a field has them, quoted where they must be.
    package var description: String {
        all.map { parameter in
            let value = parameter.value.utf8
            if !value.isEmpty, value.allSatisfy(\.isInToken) { return "; \(parameter.name)=\(parameter.value)" }
            let escaped = value.flatMap { byte in
                byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") ? [UInt8(ascii: "\\"), byte] : [byte]
            }
            return "; \(parameter.name)=\"\(String(decoding: escaped, as: UTF8.self))\""
        }.joined()
    }
}
