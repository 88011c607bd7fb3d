/// Header fields in the order they came (RFC 9110, section 5).
///
/// An array with linear search: most messages have fewer than twenty fields, where this beats any table.
/// Names compare without regard to ASCII case.
package struct Fields: Sendable, Hashable, ExpressibleByDictionaryLiteral {
    package struct Field: Sendable, Hashable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package private(set) var all: [Field] = []

    package init() {}

    package init(dictionaryLiteral elements: (String, String)...) {
        all = elements.map { Field(name: $0.0, value: $0.1) }
    }

    /// The first value under a name; setting replaces every field of that name, and `nil` removes them.
    package subscript(name: String) -> String? {
        get { all.first { $0.name.equalsIgnoringASCIICase(name) }?.value }
        set {
            all.removeAll { $0.name.equalsIgnoringASCIICase(name) }
            if let newValue { all.append(Field(name: name, value: newValue)) }
        }
    }

    /// Every value under a name, in order.
    package func values(of name: String) -> [String] {
        all.filter { $0.name.equalsIgnoringASCIICase(name) }.map(\.value)
    }

    /// The elements of a comma-separated list field, over all its lines, trimmed (RFC 9110, section 5.6.1).
    package func list(of name: String) -> [Substring] {
        values(of: name).flatMap { value in
            value.split(separator: ",").map(\.trimmingOptionalWhitespace).filter { !$0.isEmpty }
        }
    }

    /// Makes room for some fields at once.
    package mutating func reserveCapacity(_ count: Int) { all.reserveCapacity(count) }

    /// Adds a field after those of the same name.
    package mutating func append(_ name: String, _ value: String) {
        all.append(Field(name: name, value: value))
    }
}

extension String {
    /// Whether two strings are the same but for the case of A to Z.
    package func equalsIgnoringASCIICase(_ other: String) -> Bool {
        // Most names differ in length, which costs less to find out than where their bytes are.
        utf8.count == other.utf8.count && utf8Span.span.equalsIgnoringASCIICase(other.utf8Span.span)
    }

    /// The text without leading and trailing spaces and tabs (RFC 9110, section 5.6.3).
    package var trimmingOptionalWhitespace: Substring { self[...].trimmingOptionalWhitespace }
}

extension Substring {
    /// Whether two strings are the same but for the case of A to Z.
    package func equalsIgnoringASCIICase(_ other: String) -> Bool {
        utf8.count == other.utf8.count && utf8Span.span.equalsIgnoringASCIICase(other.utf8Span.span)
    }

    /// The text without leading and trailing spaces and tabs (RFC 9110, section 5.6.3).
    package var trimmingOptionalWhitespace: Substring {
        guard let first = utf8.firstIndex(where: { !$0.isBlank }), let last = utf8.lastIndex(where: { !$0.isBlank })
        else { return self[endIndex...] }
        return self[first..<utf8.index(after: last)]
    }
}

extension UInt8 {
    /// The lower-case form of an ASCII capital; any other byte as it is.
    package var loweredASCII: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }
}
