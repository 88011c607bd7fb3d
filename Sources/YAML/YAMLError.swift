/// What is wrong with a YAML text, and where.
package struct YAMLError: Error, Sendable, Hashable {
    package var position: Position
    package var message: String

    package init(position: Position, message: String) {
        self.position = position
        self.message = message
    }
}

extension YAMLError: CustomStringConvertible {
    /// The place and the message: `line 3, column 5: expected ':' after this key`.
    package var description: String { "line \(position.line), column \(position.column): \(message)" }
}
