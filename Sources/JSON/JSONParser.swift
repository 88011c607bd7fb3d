/// Reads one JSON text as it arrives, in pieces cut anywhere (RFC 8259).
///
/// The grammar is strict: no comments, trailing commas, `NaN` or leading zeros; only a byte order mark at the start is
/// skipped. Everything is bounded by ``JSONLimits``, and what is too long for memory goes to the sink while it arrives.
package struct JSONParser<Sink: LongStringSink> {
    /// What comes next.
    private enum State {
        case byteOrderMark, value, firstElement, firstName, name, colon, separator
        case string, number, literal
        case end
    }

    /// Where the string being read goes.
    private enum Destination {
        case name
        /// Into memory, until it is long enough to be offered to the sink.
        case undecided
        case memory
        case sink
    }

    private struct Location {
        var offset = 0
        var line = 1
        var column = 1
    }

    /// Open to the caller between pieces, such as to write out what has gathered there.
    package var sink: Sink

    private let limits: JSONLimits
    private let strictness: JSONStrictness
    private var state = State.byteOrderMark
    private var containers: [JSONContainer] = []
    private var result = JSONValue.null
    private var failure: JSONError?
    private var memoryBytes = 0

    /// The bytes of the token being read; of a string in the sink's hands, those it has not got yet.
    private var token: [UInt8] = []
    private var tokenStart = Location()
    private var destination = Destination.undecided
    private var literal = JSONLiteral.null
    private var stringReader: JSONStringReader

    /// Bytes of the pieces before this one.
    private var fedBytes = 0
    private var line = 1
    private var lineStart = 0

    package init(sink: Sink, limits: JSONLimits = JSONLimits(), strictness: JSONStrictness = .strict) {
        self.sink = sink
        self.limits = limits
        self.strictness = strictness
        stringReader = JSONStringReader(strictness: strictness)
    }

    /// Takes the next bytes of the text; after an error it throws the same again.
    package mutating func feed(_ bytes: Span<UInt8>) throws(JSONError) {
        if let failure { throw failure }
        do throws(JSONError) {
            var index = 0
            while index < bytes.count {
                switch state {
                case .byteOrderMark: try readByteOrderMark(bytes, at: &index)
                case .string: try readString(bytes, at: &index)
                case .number: try readNumber(bytes, at: &index)
                case .literal: try readLiteral(bytes, at: &index)
                case .end where strictness == .forgiving: index = bytes.count
                default: try readStructure(bytes[index], at: &index)
                }
            }
            fedBytes += bytes.count
        } catch {
            failure = error
            throw error
        }
    }

    /// Ends the text and returns its value.
    package mutating func finish() throws(JSONError) -> JSONValue {
        if let failure { throw failure }
        if state == .number, containers.isEmpty { try endNumber() }
        guard state == .end else {
            let reason =
                switch state {
                case .byteOrderMark: "the text is empty"
                case .value where containers.isEmpty: "the text is empty"
                case .string: "the text ends inside a string"
                default: "the text ends before it is complete"
                }
            throw error(.truncated, reason, at: location(0))
        }
        return result
    }

    // MARK: Structure

    /// Skips the mark that some writers put at the start (RFC 8259, section 8.1).
    private mutating func readByteOrderMark(_ bytes: Span<UInt8>, at index: inout Int) throws(JSONError) {
        let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
        while index < bytes.count, token.count < mark.count, bytes[index] == mark[token.count] {
            token.append(bytes[index])
            index += 1
        }
        guard token.isEmpty || token.count == mark.count || index == bytes.count else {
            throw error(.malformed, "expected a value but found \(bytes[index].nameInMessages)", at: location(index))
        }
        guard index < bytes.count || token.count == mark.count else { return }
        lineStart = token.count
        state = .value
    }

    private mutating func readStructure(_ byte: UInt8, at index: inout Int) throws(JSONError) {
        switch byte {
        case UInt8(ascii: "\n"):
            line += 1
            lineStart = fedBytes + index + 1
            stringReader.continuationBytes = 0
            index += 1
            return
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"):
            index += 1
            return
        default: break
        }
        let here = location(index)
        switch (state, byte) {
        case (.firstName, UInt8(ascii: "\"")), (.name, UInt8(ascii: "\"")):
            beginString(.name, at: here)
        case (.colon, UInt8(ascii: ":")):
            state = .value
        case (.separator, UInt8(ascii: ",")):
            state = containers.last?.isObject == true ? .name : .value
        case (.separator, UInt8(ascii: "]")) where containers.last?.isObject == false,
            (.separator, UInt8(ascii: "}")) where containers.last?.isObject == true,
            (.firstElement, UInt8(ascii: "]")), (.firstName, UInt8(ascii: "}")):
            if let container = containers.popLast() { try complete(container.value, at: here) }
        case (.value, _), (.firstElement, _):
            try beginValue(byte, at: here)
        default:
            throw error(.malformed, "expected \(expectation) but found \(byte.nameInMessages)", at: here)
        }
        index += 1
    }

    private mutating func beginValue(_ byte: UInt8, at here: Location) throws(JSONError) {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard containers.count < limits.depth else {
                throw error(.overLimit, "arrays and objects are nested more than \(limits.depth) deep", at: here)
            }
            let isObject = byte == UInt8(ascii: "{")
            try spend(JSONContainer.overheadBytes, at: here)
            containers.append(JSONContainer(isObject: isObject))
            state = isObject ? .firstName : .firstElement
        case UInt8(ascii: "\""):
            beginString(.undecided, at: here)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            beginToken(with: byte, at: here)
            state = .number
        default:
            guard let literal = JSONLiteral(firstByte: byte, strictness: strictness) else {
                throw error(.malformed, "expected \(expectation) but found \(byte.nameInMessages)", at: here)
            }
            self.literal = literal
            beginToken(with: byte, at: here)
            state = .literal
        }
    }

    private mutating func beginToken(with byte: UInt8, at here: Location) {
        token.removeAll(keepingCapacity: true)
        token.append(byte)
        tokenStart = here
    }

    /// Puts a value where it belongs: into the container around it, or in the end into the result.
    private mutating func complete(_ value: JSONValue, at here: Location) throws(JSONError) {
        try spend(MemoryLayout<JSONValue>.stride, at: here)
        state = containers.isEmpty ? .end : .separator
        guard let innermost = containers.indices.last else {
            result = value
            return
        }
        do throws(Malformed) {
            try containers[innermost].append(value, limits: limits)
        } catch {
            throw self.error(.overLimit, error.reason, at: here)
        }
    }

    // MARK: Strings

    private mutating func beginString(_ destination: Destination, at here: Location) {
        self.destination = destination
        token.removeAll(keepingCapacity: true)
        tokenStart = here
        state = .string
    }

    private mutating func readString(_ bytes: Span<UInt8>, at index: inout Int) throws(JSONError) {
        let piece: JSONStringReader.Piece
        do throws(Malformed) {
            piece = try stringReader.next(in: bytes, at: &index)
        } catch {
            throw self.error(.malformed, error.reason, at: location(index))
        }
        switch piece {
        case .run(let range):
            guard let text = wholeString(bytes, range) else { return try keep(bytes.extracting(range)) }
            index += 1
            try spend(range.count, at: tokenStart)
            try take(text)
        case .scalar(let scalar): try keep(scalar)
        case .end: try endString()
        case .starved: break
        }
    }

    /// The string that a run of plain bytes is from quotation mark to quotation mark, as most are; `nil` for any other,
    /// which is gathered in the token.
    private func wholeString(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String? {
        guard token.isEmpty, destination != .sink, range.count <= limits.inlineStringBytes,
            range.upperBound < bytes.count, bytes[range.upperBound] == UInt8(ascii: "\""),
            let text = try? UTF8Span(validating: bytes.extracting(range))
        else { return nil }
        return String(copying: text)
    }

    private mutating func keep(_ scalar: Unicode.Scalar) throws(JSONError) {
        var bytes = InlineArray<4, UInt8>(repeating: 0)
        var count = 0
        for byte in scalar.utf8 {
            bytes[count] = byte
            count += 1
        }
        try keep(bytes.span.extracting(first: count))
    }

    private mutating func keep(_ bytes: Span<UInt8>) throws(JSONError) {
        switch destination {
        case .name:
            try checkName(bytes: token.count + bytes.count)
            try spend(bytes.count, at: tokenStart)
            token.append(copying: bytes)
        case .memory:
            try spend(bytes.count, at: tokenStart)
            token.append(copying: bytes)
        case .undecided:
            // However the text is cut, the sink sees the same prefix.
            let room = min(bytes.count, max(0, limits.inlineStringBytes + 1 - token.count))
            token.append(copying: bytes.extracting(first: room))
            guard token.count > limits.inlineStringBytes else { return }
            try offer()
            try keep(bytes.extracting(droppingFirst: room))
        case .sink:
            // Pieces between escapes are gathered, long ones passed on as they are.
            let isLong = bytes.count >= Self.gatheredBytes
            if isLong || token.count >= Self.gatheredBytes { try flush() }
            if isLong {
                do { try sink.append(bytes) } catch { throw refusal(error) }
            } else {
                token.append(copying: bytes)
            }
        }
    }

    /// Bytes gathered from between escapes before the sink gets them.
    private static var gatheredBytes: Int { 4 << 10 }

    private mutating func offer() throws(JSONError) {
        let prefix = token
        let isTaken: Bool
        do { isTaken = try sink.begin(prefix: prefix.span) } catch { throw refusal(error) }
        destination = isTaken ? .sink : .memory
        if isTaken { try flush() } else { try spend(token.count, at: tokenStart) }
    }

    private mutating func flush() throws(JSONError) {
        guard !token.isEmpty else { return }
        // Moved out, because a span of one property cannot be passed to a method that changes another.
        var gathered: [UInt8] = []
        swap(&gathered, &token)
        do { try sink.append(gathered.span) } catch { throw refusal(error) }
        gathered.removeAll(keepingCapacity: true)
        token = gathered
    }

    private mutating func endString() throws(JSONError) {
        guard destination == .sink else {
            if destination == .undecided { try spend(token.count, at: tokenStart) }
            return try take(try tokenText())
        }
        try flush()
        let number: Int
        do { number = try sink.end() } catch { throw refusal(error) }
        try complete(.external(number), at: tokenStart)
    }

    /// Takes a name or a string that is complete.
    private mutating func take(_ text: String) throws(JSONError) {
        guard destination == .name else { return try complete(.string(text), at: tokenStart) }
        try checkName(bytes: text.utf8.count)
        try spend(MemoryLayout<String>.stride, at: tokenStart)
        guard let innermost = containers.indices.last else { return }
        guard containers[innermost].begin(text) || strictness == .forgiving else {
            throw error(.malformed, "the object already has a member '\(text)'", at: tokenStart)
        }
        state = .colon
    }

    private mutating func tokenText() throws(JSONError) -> String {
        let text = String(decoding: token, as: UTF8.self)
        // A forgiving parser's repairs make it longer.
        try spend(text.utf8.count - token.count, at: tokenStart)
        return text
    }

    private func checkName(bytes: Int) throws(JSONError) {
        guard bytes <= limits.nameBytes else {
            throw error(.overLimit, "a member's name is longer than \(limits.nameBytes) bytes", at: tokenStart)
        }
    }

    // MARK: Numbers and literals

    private mutating func readNumber(_ bytes: Span<UInt8>, at index: inout Int) throws(JSONError) {
        while index < bytes.count, bytes[index].isInNumber {
            guard token.count < limits.numberLength else {
                throw error(.overLimit, "a number is longer than \(limits.numberLength) characters", at: tokenStart)
            }
            token.append(bytes[index])
            index += 1
        }
        if index < bytes.count { try endNumber() }
    }

    private mutating func endNumber() throws(JSONError) {
        let value: JSONValue
        do throws(Malformed) {
            value = try JSONValue(number: token)
        } catch {
            throw self.error(.malformed, error.reason, at: tokenStart)
        }
        try complete(value, at: tokenStart)
    }

    private mutating func readLiteral(_ bytes: Span<UInt8>, at index: inout Int) throws(JSONError) {
        let text = literal.text
        while index < bytes.count, token.count < text.count {
            guard bytes[index] == text[token.count] else {
                throw error(.malformed, "expected 'true', 'false' or 'null'", at: tokenStart)
            }
            token.append(bytes[index])
            index += 1
        }
        if token.count == text.count { try complete(literal.value, at: tokenStart) }
    }

    // MARK: Accounts and errors

    private mutating func spend(_ bytes: Int, at here: Location) throws(JSONError) {
        memoryBytes += bytes
        guard memoryBytes <= limits.memoryBytes else {
            throw error(.overLimit, "the text needs more than \(limits.memoryBytes) bytes of memory", at: here)
        }
    }

    private var expectation: String {
        switch state {
        case .value, .firstElement: "a value"
        case .firstName, .name: "a name in double quotes"
        case .colon: "':'"
        case .separator: containers.last?.isObject == true ? "',' or '}'" : "',' or ']'"
        default: "the end of the text"
        }
    }

    private func location(_ index: Int) -> Location {
        let offset = fedBytes + index
        return Location(offset: offset, line: line, column: offset - lineStart - stringReader.continuationBytes + 1)
    }

    private func error(_ kind: JSONError.Kind, _ reason: String, at location: Location) -> JSONError {
        JSONError(
            kind: kind, offset: location.offset, line: location.line, column: location.column, reason: reason)
    }

    private func refusal(_ error: any Error) -> JSONError {
        self.error(.refused, "\(error)", at: tokenStart)
    }
}
