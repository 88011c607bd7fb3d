/// Takes a client's bytes apart into requests, strictly by RFC 9112.
///
/// A value without I/O: it is shown the bytes received so far, says what they mean and how many of them are done
/// with, and is shown the rest again with what came after. How the bytes were split makes no difference.
///
/// Whatever two programs could read differently is refused, since that is how requests are smuggled past a proxy:
/// nothing is repaired, and after a refusal the connection is of no further use.
package struct RequestParser: Sendable {
    package enum Action: Sendable, Hashable {
        /// All bytes are looked at; further ones are needed.
        case needMore
        case head(RequestHead)
        /// These of the bytes shown belong to the body.
        case body(Range<Int>)
        /// The request is complete, with or without a body; the next one may follow.
        case end
        case reject(Rejection)
    }

    package struct Step: Sendable, Hashable {
        package let action: Action
        /// How many of the bytes shown are done with and not to be shown again.
        package let consumed: Int
    }

    private enum State {
        case requestLine
        case fields
        case body(remaining: Int)
        case chunkSize
        case chunkData(remaining: Int)
        case chunkEnd
        case trailers
        case rejected(Rejection)
    }

    private let shared: SharedLimits
    private var state = State.requestLine
    /// How many bytes of an incomplete line are known to hold no LF.
    private var scanned = 0
    /// Bytes of the head, or of the trailers, that are consumed.
    private var headCount = 0
    private var skippedEmptyLine = false
    private var head = HeadBuilder()
    private var chunkExtensionCount = 0

    package init(limits: Limits = Limits()) { self.init(limits: SharedLimits(limits)) }

    init(limits: SharedLimits) { shared = limits }

    var limits: Limits { shared.value }

    /// What the bytes mean, up to the first thing worth telling.
    package mutating func parse(_ bytes: Span<UInt8>) -> Step {
        var position = 0
        do throws(Rejection) {
            while true {
                if let action = try advance(bytes, &position) { return Step(action: action, consumed: position) }
            }
        } catch {
            state = .rejected(error)
            return Step(action: .reject(error), consumed: position)
        }
    }

    /// How many bytes of the body are to come; `nil` where only the client knows.
    package var bodyRest: Int? { if case .body(let remaining) = state { remaining } else { nil } }

    /// One line or one run of body bytes further; `nil` to go on.
    private mutating func advance(_ bytes: Span<UInt8>, _ position: inout Int) throws(Rejection) -> Action? {
        switch state {
        case .requestLine: return try requestLine(bytes, &position)
        case .fields: return try field(bytes, &position)
        case .body(remaining: 0): return finishRequest()
        case .body(let remaining):
            guard let range = Self.take(remaining, of: bytes, &position) else { return .needMore }
            state = .body(remaining: remaining - range.count)
            return .body(range)
        case .chunkSize: return try chunkSize(bytes, &position)
        case .chunkData(remaining: 0):
            state = .chunkEnd
            return nil
        case .chunkData(let remaining):
            guard let range = Self.take(remaining, of: bytes, &position) else { return .needMore }
            state = .chunkData(remaining: remaining - range.count)
            return .body(range)
        case .chunkEnd: return try chunkEnd(bytes, &position)
        case .trailers: return try trailer(bytes, &position)
        case .rejected(let rejection): return .reject(rejection)
        }
    }

    // MARK: The head

    private mutating func requestLine(_ bytes: Span<UInt8>, _ position: inout Int) throws(Rejection) -> Action? {
        if headCount == 0 && position < bytes.count && bytes[position] == Self.tlsHandshake { throw .tls }
        let limit = limits.requestLine
        guard let line = try line(bytes, &position, limit: limit, .requestLineTooLong(limit: limit)) else {
            return .needMore
        }
        if line.isEmpty && !skippedEmptyLine {
            // "a server … SHOULD ignore at least one empty line" (RFC 9112, section 2.2).
            skippedEmptyLine = true
            return nil
        }
        head = try HeadBuilder(requestLine: bytes.extracting(line))
        state = .fields
        return nil
    }

    private mutating func field(_ bytes: Span<UInt8>, _ position: inout Int) throws(Rejection) -> Action? {
        let limit = limits.head
        guard let line = try line(bytes, &position, limit: limit - headCount, .headTooLarge(limit: limit)) else {
            return .needMore
        }
        guard line.isEmpty else {
            try head.add(field: bytes.extracting(line), limit: limits.fields)
            return nil
        }
        return .head(try finishHead())
    }

    private mutating func finishHead() throws(Rejection) -> RequestHead {
        // The request belongs to whoever handles it now; a second reference would make every change to it a copy.
        defer { self.head = HeadBuilder() }
        let head = try head.finish()
        headCount = 0
        switch head.body {
        case .none: state = .body(remaining: 0)
        case .length(let length): state = .body(remaining: length)
        case .chunked:
            state = .chunkSize
            chunkExtensionCount = 0
        }
        return head
    }

    /// The first byte of a TLS connection: a record of type "handshake" (RFC 8446, section 5.1).
    private static let tlsHandshake: UInt8 = 0x16

    // MARK: A body in chunks

    private mutating func chunkSize(_ bytes: Span<UInt8>, _ position: inout Int) throws(Rejection) -> Action? {
        let limit = limits.chunkLine
        guard let line = try line(bytes, &position, limit: limit, .chunkLineTooLong(limit: limit)) else {
            return .needMore
        }
        let header = try ChunkHeader(bytes.extracting(line))
        chunkExtensionCount += header.extensionCount
        guard chunkExtensionCount <= limits.chunkExtensions else {
            throw .chunkExtensionsTooLong(limit: limits.chunkExtensions)
        }
        headCount = 0
        state = header.size == 0 ? .trailers : .chunkData(remaining: header.size)
        return nil
    }

    private mutating func chunkEnd(_ bytes: Span<UInt8>, _ position: inout Int) throws(Rejection) -> Action? {
        if position < bytes.count && bytes[position] != .carriageReturn { throw .chunkEnd }
        guard position + 1 < bytes.count else { return .needMore }
        guard bytes[position + 1] == .lineFeed else { throw .chunkEnd }
        position += 2
        state = .chunkSize
        return nil
    }

    private mutating func trailer(_ bytes: Span<UInt8>, _ position: inout Int) throws(Rejection) -> Action? {
        let limit = limits.trailers
        let room = limit - headCount
        guard let line = try line(bytes, &position, limit: room, .trailersTooLarge(limit: limit)) else {
            return .needMore
        }
        guard line.isEmpty else {
            _ = try FieldLine(bytes.extracting(line))
            return nil
        }
        return finishRequest()
    }

    // MARK: Parts of all

    private mutating func finishRequest() -> Action {
        state = .requestLine
        headCount = 0
        skippedEmptyLine = false
        return .end
    }

    /// The next line without its CRLF, consumed; `nil` if its end has not come yet.
    private mutating func line(
        _ bytes: Span<UInt8>, _ position: inout Int, limit: Int, _ tooLong: @autoclosure () -> Rejection
    ) throws(Rejection) -> Range<Int>? {
        let start = position
        let end = min(bytes.count, start + limit)
        var index = start + scanned
        while index < end {
            if bytes[index] == .lineFeed {
                guard index > start, bytes[index - 1] == .carriageReturn else { throw .bareLineFeed }
                scanned = 0
                position = index + 1
                headCount += position - start
                return start..<(index - 1)
            }
            index += 1
        }
        guard end - start < limit else { throw tooLong() }
        scanned = end - start
        return nil
    }

    private static func take(_ count: Int, of bytes: Span<UInt8>, _ position: inout Int) -> Range<Int>? {
        guard position < bytes.count else { return nil }
        let start = position
        position += min(count, bytes.count - start)
        return start..<position
    }
}
