/// What is wrong with a YAML text, and where.
package struct YAMLError: Error, Sendable, Hashable {
    package var position: Position
    package var message: String

    package init(position: Position, message: String) {
        self.position = position
        self.message = message
    }
}
