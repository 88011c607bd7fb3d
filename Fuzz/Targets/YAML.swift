import YAML

extension Target {
    /// Everything stands within the text, in its order, and no key stands twice in a mapping.
    static func yaml(_ input: [UInt8]) {
        switch outcome({ () throws(YAMLError) in try Document.parse(input) }) {
        case .failure(let error):
            require(!error.message.isEmpty)
            check(error.position, in: input)
        case .success(let root):
            var last = root.position
            check(root, after: &last)
            check(last, in: input)
        }
    }

    private static func check(_ node: Node, after last: inout Position) {
        require((last.line, last.column) <= (node.position.line, node.position.column))
        last = node.position
        for element in node.sequence ?? [] { check(element, after: &last) }
        let entries = node.mapping ?? []
        require(Set(entries.map(\.key)).count == entries.count)
        for entry in entries {
            require((last.line, last.column) <= (entry.keyPosition.line, entry.keyPosition.column))
            last = entry.keyPosition
            check(entry.value, after: &last)
        }
    }

    private static func check(_ position: Position, in input: [UInt8]) {
        require(position.line >= 1 && position.column >= 1)
        require(position.line <= input.count + 1 && position.column <= input.count + 1)
    }
}
