/// Where something stands in a YAML text, counted from 1 as editors do.
package struct Position: Sendable, Hashable {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

/// A part of a YAML document that knows where it stands, so that a mistake in it can be pointed at.
package struct Node: Sendable, Hashable {
    package enum Content: Sendable, Hashable {
        /// A scalar's text; quoted ones are strings whatever they look like.
        case scalar(String, isQuoted: Bool)
        case sequence([Node])
        case mapping([Entry])
    }

    package struct Entry: Sendable, Hashable {
        package var key: String
        package var keyPosition: Position
        package var value: Node

        package init(key: String, keyPosition: Position, value: Node) {
            self.key = key
            self.keyPosition = keyPosition
            self.value = value
        }
    }

    package var content: Content
    package var position: Position

    package init(content: Content, position: Position) {
        self.content = content
        self.position = position
    }
}

extension Node {
    /// The text of a scalar that is not `null`, `~` or empty (unquoted).
    package var string: String? {
        guard case .scalar(let text, let isQuoted) = content else { return nil }
        return isQuoted || !["", "~", "null"].contains(text) ? text : nil
    }

    package var integer: Int64? { unquoted.flatMap { Int64($0) } }
    /// A finite decimal number: `0.025`, `3`, `1e-3`.
    package var double: Double? {
        guard let unquoted, unquoted.utf8.allSatisfy("0123456789+-.eE".utf8.contains), let double = Double(unquoted),
            double.isFinite
        else { return nil }
        return double
    }
    /// `true` and `false` of YAML's core schema; `yes` and `on` are strings.
    package var bool: Bool? { unquoted.flatMap { $0 == "true" ? true : $0 == "false" ? false : nil } }
    package var isNull: Bool { unquoted.map { ["", "~", "null"].contains($0) } ?? false }
    package var sequence: [Node]? { if case .sequence(let nodes) = content { nodes } else { nil } }
    package var mapping: [Entry]? { if case .mapping(let entries) = content { entries } else { nil } }

    /// The value of a key of a mapping; `nil` for an absent key and for any other node.
    package subscript(key: String) -> Node? { mapping?.first { $0.key == key }?.value }

    private var unquoted: String? {
        guard case .scalar(let text, isQuoted: false) = content else { return nil }
        return text
    }
}
