/// What the next stretch of a multipart body is.
package enum MultipartEvent: Sendable, Hashable {
    /// A part begins.
    case part(MultipartPart)
    /// The next bytes of the part.
    case data(ArraySlice<UInt8>)
    case endOfPart
    /// The closing boundary; what comes after it is ignored.
    case end
}

/// Takes a `multipart/form-data` body apart as it arrives, in pieces cut anywhere (RFC 7578; RFC 2046, section 5.1).
///
/// Text before the first boundary and after the last is ignored. Nothing is held back but what may become a boundary.
package struct MultipartParser: Sendable {
    private enum State {
        /// Before the first boundary.
        case preamble
        /// After a boundary: either the body ends with two hyphens, or a part begins on the next line.
        case boundary, lastHyphen, lineFeed
        case head
        case data
        /// After the closing boundary.
        case epilogue
    }

    /// Spaces and tabs after a boundary.
    private static let maximumPaddingBytes = 64

    private let limits: MultipartLimits
    /// The line break before a boundary, two hyphens and the boundary.
    ///
    /// Only its first byte is a carriage return, so that a search never has to step back.
    private let delimiter: [UInt8]

    private var state = State.preamble
    /// Bytes of the delimiter found so far.
    private var matched = 2
    /// How many of them were not: a boundary may open the body or follow a head, whose line breaks then count as its own.
    private var assumed = 2
    private var head: [UInt8] = []
    private var paddingBytes = 0
    private var parts = 0
    private var failure: MultipartError?

    /// Prepares for a body of a type, such as `multipart/form-data; boundary=x`.
    package init(_ type: MediaType, limits: MultipartLimits = MultipartLimits()) throws(MultipartError) {
        guard type.matches(.multipartFormData) else {
            throw MultipartError(.malformed, "the body is \(type.essence): expected multipart/form-data")
        }
        guard let boundary = type.parameters["boundary"] else {
            throw MultipartError(
                .malformed, "the Content-Type has no boundary: let the HTTP library set it along with the body")
        }
        guard (1...70).contains(boundary.utf8.count), boundary.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw MultipartError(.malformed, "the boundary is not 1 to 70 printable ASCII characters")
        }
        self.limits = limits
        delimiter = Array("\r\n--\(boundary)".utf8)
    }

    /// Takes the next bytes of the body; after an error it throws the same again.
    ///
    /// The data in what it returns are these bytes, not a copy of them.
    package mutating func feed(_ bytes: ArraySlice<UInt8>) throws(MultipartError) -> [MultipartEvent] {
        if let failure { throw failure }
        do throws(MultipartError) {
            var events: [MultipartEvent] = []
            var index = bytes.startIndex
            while index < bytes.endIndex, state != .epilogue {
                if state == .preamble || state == .data {
                    readData(bytes, at: &index, &events)
                } else {
                    try readBetween(bytes[index], &events)
                    index += 1
                }
            }
            return events
        } catch {
            failure = error
            throw error
        }
    }

    /// Ends the body; throws unless its closing boundary has come.
    package mutating func finish() throws(MultipartError) {
        if let failure { throw failure }
        switch state {
        case .epilogue: break
        case .preamble:
            throw MultipartError(.truncated, "the body does not contain the boundary that its Content-Type names")
        default: throw MultipartError(.truncated, "the body ends before its closing boundary")
        }
    }

    /// Passes on bytes up to the next delimiter; before the first part they are of no interest.
    private mutating func readData(_ bytes: ArraySlice<UInt8>, at index: inout Int, _ events: inout [MultipartEvent]) {
        let isWanted = state == .data
        let start = index
        /// Bytes held back from earlier pieces; the other matched ones are in this piece.
        var held = matched
        while index < bytes.endIndex {
            if matched == 0 {
                index += Self.plainPrefix(of: bytes[index...])
                if index == bytes.endIndex { break }
            }
            if bytes[index] == delimiter[matched] {
                matched += 1
                index += 1
                if matched == delimiter.count { break }
            } else {
                // No boundary after all. The byte is looked at again: it may begin one.
                if isWanted, held > assumed { events.append(.data(delimiter[assumed..<held])) }
                (matched, held, assumed) = (0, 0, 0)
            }
        }
        let end = index - matched
        if isWanted, end > start { events.append(.data(bytes[start..<end])) }
        if matched == delimiter.count {
            if isWanted { events.append(.endOfPart) }
            (state, paddingBytes) = (.boundary, 0)
        }
    }

    /// How many bytes come before the next line break, with which every delimiter begins, or half of one at the end.
    ///
    /// Almost every byte of an upload passes here. The inner loop has no branch, so that it compiles to vector instructions,
    /// and as it looks at pairs, the bytes of an image hardly ever end it: a carriage return is one in 256 of them.
    private static func plainPrefix(of bytes: ArraySlice<UInt8>) -> Int {
        let bytes = bytes.span
        let (carriageReturn, lineFeed, stride) = (UInt8(ascii: "\r"), UInt8(ascii: "\n"), 64)
        var index = 0
        while bytes.count - index > stride {
            let block = bytes.extracting(index...(index + stride))
            var leastDifference = UInt8.max
            for offset in 0..<stride {
                let difference = (block[offset] ^ carriageReturn) | (block[offset + 1] ^ lineFeed)
                leastDifference = min(leastDifference, difference)
            }
            guard leastDifference > 0 else { break }
            index += stride
        }
        while index < bytes.count {
            if bytes[index] == carriageReturn, index + 1 == bytes.count || bytes[index + 1] == lineFeed { break }
            index += 1
        }
        return index
    }

    private mutating func readBetween(_ byte: UInt8, _ events: inout [MultipartEvent]) throws(MultipartError) {
        switch (state, byte) {
        case (.boundary, UInt8(ascii: " ")), (.boundary, UInt8(ascii: "\t")):
            paddingBytes += 1
            guard paddingBytes <= Self.maximumPaddingBytes else {
                throw MultipartError(.overLimit, "more than \(Self.maximumPaddingBytes) spaces follow a boundary")
            }
        case (.boundary, UInt8(ascii: "-")) where paddingBytes == 0:
            state = .lastHyphen
        case (.lastHyphen, UInt8(ascii: "-")):
            events.append(.end)
            state = .epilogue
        case (.boundary, UInt8(ascii: "\r")):
            state = .lineFeed
        case (.lineFeed, UInt8(ascii: "\n")):
            parts += 1
            guard parts <= limits.parts else {
                throw MultipartError(.overLimit, "the body has more than \(limits.parts) parts")
            }
            head.removeAll(keepingCapacity: true)
            state = .head
        case (.head, _):
            head.append(byte)
            if byte == UInt8(ascii: "\n") { try endHeadLine(&events) }
            guard head.count <= limits.headBytes else {
                throw MultipartError(
                    .overLimit, "part \(parts): its header is longer than \(limits.headBytes) bytes")
            }
        default:
            throw MultipartError(.malformed, "a boundary is followed by neither a line break (CR LF) nor '--'")
        }
    }

    private mutating func endHeadLine(_ events: inout [MultipartEvent]) throws(MultipartError) {
        let lineBreak = Array("\r\n".utf8)
        guard head.suffix(2) == lineBreak[...] else {
            throw MultipartError(.malformed, "part \(parts): a line of its header ends without CR LF")
        }
        guard head.count == 2 || head.suffix(4) == (lineBreak + lineBreak)[...] else { return }
        do throws(MultipartError) {
            events.append(.part(try MultipartPart(head: head, limits: limits)))
        } catch {
            throw MultipartError(error.kind, "part \(parts): \(error.reason)")
        }
        (state, matched, assumed) = (.data, 2, 2)
    }
}
