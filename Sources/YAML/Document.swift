/// Reads the part of YAML that people write configuration in.
///
/// One document of mappings, sequences and scalars, in block or flow style. What makes YAML surprising is refused with a
/// sentence: anchors, aliases, tags, several documents, keys that are not text or come twice, tabs as indentation.
package enum Document {
    package static let maximumBytes = 1 << 20
    /// Mappings and sequences inside each other.
    package static let maximumDepth = 32

    /// Reads a text; an empty one is an empty mapping.
    package static func parse(_ text: String) throws(YAMLError) -> Node {
        try parse(Array(text.utf8))
    }

    package static func parse(_ text: [UInt8]) throws(YAMLError) -> Node {
        let start = Position(line: 1, column: 1)
        guard text.count <= maximumBytes else {
            throw YAMLError(position: start, message: "the text is longer than \(maximumBytes) bytes")
        }
        let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
        var events = EventReader(text.starts(with: byteOrderMark) ? Array(text.dropFirst(byteOrderMark.count)) : text)
        _ = try events.next()  // the start of the stream
        guard case .documentStart = try events.next().kind else {
            return Node(content: .mapping([]), position: start)
        }
        var root = try node(startingWith: try events.next(), in: &events, depth: 0)
        if root.content == .scalar("", isQuoted: false) { root.content = .mapping([]) }

        _ = try events.next()  // the end of the document
        let end = try events.next()
        guard case .streamEnd = end.kind else {
            throw YAMLError(position: end.position, message: "a second document starts here, but only one is read")
        }
        return root
    }

    private static func node(
        startingWith event: Event, in events: inout EventReader, depth: Int
    ) throws(YAMLError) -> Node {
        switch event.kind {
        case .scalar(let text, let isQuoted):
            return Node(content: .scalar(text, isQuoted: isQuoted), position: event.position)
        case .sequenceStart:
            try checkDepth(depth, at: event.position)
            return Node(content: .sequence(try elements(of: &events, depth: depth + 1)), position: event.position)
        case .mappingStart:
            try checkDepth(depth, at: event.position)
            return Node(content: .mapping(try entries(of: &events, depth: depth + 1)), position: event.position)
        default:
            throw YAMLError(position: event.position, message: "expected a value")
        }
    }

    private static func checkDepth(_ depth: Int, at position: Position) throws(YAMLError) {
        guard depth < maximumDepth else {
            throw YAMLError(
                position: position, message: "mappings and sequences are nested more than \(maximumDepth) deep")
        }
    }

    private static func elements(of events: inout EventReader, depth: Int) throws(YAMLError) -> [Node] {
        var elements: [Node] = []
        while true {
            let event = try events.next()
            if case .sequenceEnd = event.kind { return elements }
            elements.append(try node(startingWith: event, in: &events, depth: depth))
        }
    }

    private static func entries(of events: inout EventReader, depth: Int) throws(YAMLError) -> [Node.Entry] {
        var entries: [Node.Entry] = []
        var lines: [String: Int] = [:]
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind { return entries }
            let key = try key(from: event)
            if let line = lines.updateValue(event.position.line, forKey: key) {
                throw YAMLError(
                    position: event.position, message: "the key '\(key)' is already on line \(line): remove one of them"
                )
            }
            let value = try node(startingWith: try events.next(), in: &events, depth: depth)
            entries.append(Node.Entry(key: key, keyPosition: event.position, value: value))
        }
    }

    private static func key(from event: Event) throws(YAMLError) -> String {
        guard case .scalar(let key, let isQuoted) = event.kind else {
            throw YAMLError(
                position: event.position, message: "a key must be text: put quotes around it if it holds { } or [ ]")
        }
        guard isQuoted || !key.isEmpty else {
            throw YAMLError(position: event.position, message: "expected a key before ':'")
        }
        return key
    }
}
