/// What the next stretch of a stream of server-sent events is.
package enum EventStreamPart: Sendable, Hashable {
    /// The next bytes of the current event's data.
    case data([UInt8])
    /// The event is complete; its name is empty when it told none.
    case end(name: String)
}

/// Takes a stream of server-sent events apart as it arrives, in pieces cut anywhere (WHATWG HTML, section 9.2.6).
///
/// Data is passed on as it comes, since a single line of it may be a whole image. Comments, ids, retry times and events
/// without data are skipped; nothing that can come is an error.
package struct EventStreamParser: Sendable {
    private enum State {
        /// In the name of a field, or before it.
        case name
        /// After the colon, where one space does not count.
        case colon
        case value
    }

    private enum Field {
        case data, event, other
    }

    /// Bytes of an event's name; of a longer one, the beginning.
    package static let eventNameBytes = 128
    /// Bytes by which a field's name is told; no field that matters has a longer one.
    private static let fieldNameBytes = 16
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private var state = State.name
    private var field = Field.other
    private var fieldName: [UInt8] = []
    private var eventName: [UInt8] = []
    private var hasData = false
    private var isFirstLine = true
    /// After a carriage return, whose line feed ends no second line.
    private var mayBeLineFeed = false

    package init() {}

    /// Takes the next bytes of the stream.
    package mutating func feed(_ bytes: Span<UInt8>) -> [EventStreamPart] {
        var parts: [EventStreamPart] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if mayBeLineFeed {
                mayBeLineFeed = false
                if byte == UInt8(ascii: "\n") {
                    index += 1
                    continue
                }
            }
            if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
                mayBeLineFeed = byte == UInt8(ascii: "\r")
                endLine(&parts)
                index += 1
            } else if state == .value {
                let start = index
                while index < bytes.count, bytes[index] != UInt8(ascii: "\n"), bytes[index] != UInt8(ascii: "\r") {
                    index += 1
                }
                take(bytes.extracting(start..<index), &parts)
            } else {
                readName(byte, &parts)
                index += 1
            }
        }
        return parts
    }

    /// Ends the stream, and with it an event whose empty line is missing.
    package mutating func finish() -> [EventStreamPart] {
        var parts: [EventStreamPart] = []
        if state != .name || !fieldName.isEmpty { endLine(&parts) }
        endEvent(&parts)
        return parts
    }

    private mutating func readName(_ byte: UInt8, _ parts: inout [EventStreamPart]) {
        switch (state, byte) {
        case (.name, UInt8(ascii: ":")):
            state = .colon
            beginValue(&parts)
        case (.name, _):
            if fieldName.count < Self.fieldNameBytes { fieldName.append(byte) }
        default:
            state = .value
            if byte != UInt8(ascii: " ") { take([byte].span, &parts) }
        }
    }

    /// Finds out which field the line is; a comment is one without a name.
    private mutating func beginValue(_ parts: inout [EventStreamPart]) {
        if isFirstLine, fieldName.starts(with: Self.byteOrderMark) { fieldName.removeFirst(Self.byteOrderMark.count) }
        field =
            fieldName == Array("data".utf8) ? .data : fieldName == Array("event".utf8) ? .event : .other
        if field == .event { eventName = [] }
        if field == .data {
            // Several lines of data are one text.
            if hasData { parts.append(.data([UInt8(ascii: "\n")])) }
            hasData = true
        }
    }

    private mutating func take(_ bytes: Span<UInt8>, _ parts: inout [EventStreamPart]) {
        switch field {
        case .data:
            var data: [UInt8] = []
            data.append(copying: bytes)
            parts.append(.data(data))
        case .event:
            eventName.append(copying: bytes.extracting(..<min(bytes.count, Self.eventNameBytes - eventName.count)))
        case .other: break
        }
    }

    private mutating func endLine(_ parts: inout [EventStreamPart]) {
        if state == .name {
            if isFirstLine, fieldName == Self.byteOrderMark { fieldName = [] }
            if fieldName.isEmpty {
                endEvent(&parts)
            } else {
                // A name alone is a field with an empty value.
                beginValue(&parts)
            }
        }
        (state, field, fieldName, isFirstLine) = (.name, .other, [], false)
    }

    private mutating func endEvent(_ parts: inout [EventStreamPart]) {
        if hasData { parts.append(.end(name: String(decoding: eventName, as: UTF8.self))) }
        (eventName, hasData) = ([], false)
    }
}
