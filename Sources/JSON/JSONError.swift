/// What is wrong with a JSON text, and where.
package struct JSONError: Error, Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// The text breaks a rule of the grammar (RFC 8259).
        case malformed
        /// The text is fine as far as it goes, but it ends too early.
        case truncated
        /// The text goes beyond one of ``JSONLimits``.
        case overLimit
        /// The ``LongStringSink`` threw; the reason is its error's description.
        case refused
    }

    package var kind: Kind
    /// Bytes before the mistake.
    package var offset: Int
    /// Counted from 1.
    package var line: Int
    /// Characters from the line's start, counted from 1.
    package var column: Int
    /// A clause without its full stop, such as `expected ',' or '}' but found ']'`.
    package var reason: String

    package init(kind: Kind, offset: Int, line: Int, column: Int, reason: String) {
        self.kind = kind
        self.offset = offset
        self.line = line
        self.column = column
        self.reason = reason
    }
}

extension JSONError: CustomStringConvertible {
    /// The place and the reason: `line 1, column 17: expected ',' or '}' but found ']'`.
    package var description: String { "line \(line), column \(column): \(reason)" }
}
