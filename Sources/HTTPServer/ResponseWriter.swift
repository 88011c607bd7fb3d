import Files
import HTTP
import LibEvent

/// Writes one answer, at the pace of the client that takes it.
@EventLoop
struct ResponseWriter {
    private let stream: Stream
    private let limits: Limits
    private let response: Response
    private let framing: ResponseFraming
    private let isHead: Bool
    private let connection: String?
    /// Whether the connection can serve another request after this answer.
    let keepsAlive: Bool

    /// Settles how an answer will go out.
    ///
    /// Without a `head` it answers something that was no request, over a connection that ends with it.
    init(_ response: Response, to head: RequestHead?, keepsAlive: Bool, on stream: Stream, limits: Limits) {
        self.stream = stream
        self.limits = limits
        var response = response
        // An interim or impossible status is no answer: whoever made it is at fault, not the client.
        if !(200..<1000).contains(response.status.rawValue) { response.status = .internalServerError }
        self.response = response
        isHead = head?.request.method == .head
        framing = Self.framing(of: response, isHead: isHead, isVersion10: head?.minorVersion == 0)
        let asksToClose = response.fields.list(of: "Connection").contains { $0.equalsIgnoringASCIICase("close") }
        self.keepsAlive = keepsAlive && !asksToClose && (isHead || framing != .untilClose)
        connection =
            if !self.keepsAlive {
                "close"
            } else if head?.minorVersion == 0 {
                "keep-alive"
            } else {
                nil
            }
    }

    private static func framing(of response: Response, isHead: Bool, isVersion10: Bool) -> ResponseFraming {
        if response.status == .noContent || response.status == .notModified { return .none }
        switch response.body {
        case .none:
            // Only the handler knows how long the body of a GET would be.
            let announced = isHead ? response.fields["Content-Length"].flatMap(Int.init) : nil
            return .length(announced ?? 0)
        case .bytes(let bytes): return .length(bytes.count)
        case .file(let file, let range): return .length(range.clamped(to: 0..<file.length).count)
        case .stream(_, let length?): return .length(length)
        case .stream(_, nil): return isVersion10 ? .untilClose : .chunked
        }
    }

    /// Writes the answer and waits until the kernel has all of it.
    ///
    /// - Throws: `StreamError` if the client does not take it; whatever the body's source throws; `LengthError` if
    ///   the source gave too little or too much. The connection has to be broken off then.
    func write() async throws {
        let body = isHead || framing == .none ? Response.Body.none : response.body
        switch body {
        case .none:
            stream.write(head(reserving: 0).span)
        case .bytes(let bytes):
            let start = writeStart(of: bytes)
            if start < bytes.count { try await writeRest(of: bytes, from: start) }
        case .file(let file, let range):
            stream.write(head(reserving: 0).span, isMoreComing: true)
            stream.writeFile(file.descriptor, range.clamped(to: 0..<file.length), owner: file)
        case .stream(let source, let length):
            stream.write(head(reserving: 0).span)
            try await write(source, length: length)
        }
        if !stream.isSent { try await stream.sent(downTo: 0, stall: limits.writeStall) }
    }

    /// How many bytes of a body are written at once.
    private static let slice = 64 << 10

    private func head(reserving count: Int) -> [UInt8] {
        let head = ResponseHead(
            status: response.status, fields: response.fields, framing: framing, connection: connection)
        return head.bytes(reserving: count)
    }

    /// Writes the head and the first slice of a body together, and tells where the rest of it begins.
    private func writeStart(of bytes: [UInt8]) -> Int {
        let count = min(bytes.count, Self.slice)
        var start = head(reserving: count)
        start.append(copying: bytes.span.extracting(..<count))
        stream.write(start.span)
        return count
    }

    private func writeRest(of bytes: [UInt8], from start: Int) async throws {
        var position = start
        while position < bytes.count {
            try await stream.sent(downTo: limits.output, stall: limits.writeStall)
            let end = min(position + Self.slice, bytes.count)
            stream.write(bytes.span.extracting(position..<end))
            position = end
        }
    }

    private func write(_ source: any ByteSource, length: Int?) async throws {
        var count = 0
        while let part = try await source.next() {
            // An empty chunk would be the last.
            guard !part.isEmpty else { continue }
            count += part.count
            if let length, count > length { throw LengthError(announced: length, given: count) }
            if framing == .chunked {
                var chunk = Array("\(String(part.count, radix: 16))\r\n".utf8)
                chunk += part
                chunk += "\r\n".utf8
                stream.write(chunk.span)
            } else {
                stream.write(part.span)
            }
            try await stream.sent(downTo: limits.output, stall: limits.writeStall)
        }
        if let length, count < length { throw LengthError(announced: length, given: count) }
        if framing == .chunked { stream.write(Array("0\r\n\r\n".utf8).span) }
    }
}

/// A body's source did not give as many bytes as the answer's head had promised.
struct LengthError: Error {
    let announced: Int
    let given: Int
}
