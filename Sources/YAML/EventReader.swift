import CYAML

/// What libyaml found next in a text.
struct Event {
    enum Kind {
        case streamStart, streamEnd
        case documentStart, documentEnd
        case scalar(String, isQuoted: Bool)
        case sequenceStart, sequenceEnd
        case mappingStart, mappingEnd
    }

    var kind: Kind
    var position: Position
}

/// Owns a `yaml_parser_t` and the text it reads.
@safe
struct EventReader: ~Copyable {
    private let text: [UInt8]
    /// libyaml keeps pointers into the parser and the text, so both live at fixed addresses.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let input: UnsafeMutableBufferPointer<UInt8>

    init(_ text: [UInt8]) {
        self.text = text
        unsafe parser = .allocate(capacity: 1)
        unsafe input = .allocate(capacity: text.count)
        _ = unsafe input.initialize(fromContentsOf: text)
        let isInitialized = unsafe yaml_parser_initialize(parser)
        precondition(isInitialized == 1, "out of memory")
        // Said explicitly, or a byte order mark would have the text read as UTF-16.
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, input.baseAddress, input.count)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe input.deallocate()
    }

    /// The corresponding C function is `yaml_parser_parse`.
    mutating func next() throws(YAMLError) -> Event {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw error }
        defer { unsafe yaml_event_delete(&event) }

        let position = unsafe Position(event.start_mark)
        let kind: Event.Kind
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT: kind = .streamStart
        case YAML_DOCUMENT_START_EVENT: kind = .documentStart
        case YAML_DOCUMENT_END_EVENT: kind = .documentEnd
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            unsafe try refuse(anchor: scalar.anchor, tag: scalar.tag, at: position)
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            kind = unsafe .scalar(
                String(decoding: bytes, as: UTF8.self), isQuoted: scalar.style != YAML_PLAIN_SCALAR_STYLE)
        case YAML_SEQUENCE_START_EVENT:
            let sequence = unsafe event.data.sequence_start
            unsafe try refuse(anchor: sequence.anchor, tag: sequence.tag, at: position)
            kind = .sequenceStart
        case YAML_SEQUENCE_END_EVENT: kind = .sequenceEnd
        case YAML_MAPPING_START_EVENT:
            let mapping = unsafe event.data.mapping_start
            unsafe try refuse(anchor: mapping.anchor, tag: mapping.tag, at: position)
            kind = .mappingStart
        case YAML_MAPPING_END_EVENT: kind = .mappingEnd
        case YAML_ALIAS_EVENT: throw YAMLError(position: position, message: Problem.aliases)
        default: kind = .streamEnd
        }
        return Event(kind: kind, position: position)
    }

    private func refuse(
        anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?, at position: Position
    ) throws(YAMLError) {
        if unsafe anchor != nil { throw YAMLError(position: position, message: Problem.anchors) }
        if unsafe tag != nil { throw YAMLError(position: position, message: Problem.tags) }
    }

    private var error: YAMLError {
        let text = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "out of memory"
        guard unsafe parser.pointee.error != YAML_READER_ERROR else {
            // The reader runs ahead of the marks; all it tells is an offset in bytes.
            let position = unsafe Position(ofByte: parser.pointee.problem_offset, in: self.text)
            let isControl = text == "control characters are not allowed"
            return YAMLError(
                position: position, message: isControl ? text : "the text is not UTF-8: save it in that encoding")
        }
        let mark = unsafe parser.pointee.problem_mark
        let problem = unsafe Problem(
            text: text, position: Position(mark), character: self.text.character(mark.index),
            context: parser.pointee.context.map { unsafe String(cString: $0) } ?? "",
            start: Position(parser.pointee.context_mark))
        return problem.error
    }
}

extension Position {
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: Int(clamping: mark.line) + 1, column: Int(clamping: mark.column) + 1)
    }

    fileprivate init(ofByte offset: Int, in text: [UInt8]) {
        let before = text.prefix(offset)
        let line = before.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let characters = line.last.map { $0.count { $0 & 0xC0 != 0x80 } } ?? 0
        self.init(line: line.count, column: characters + 1)
    }
}

extension [UInt8] {
    /// The character of an index, counted in characters.
    fileprivate func character(_ index: Int) -> Unicode.Scalar? {
        String(decoding: self, as: UTF8.self).unicodeScalars.dropFirst(index).first
    }
}
