package import LibEvent

/// A request's body, read from the client at the pace of whoever asks for it.
///
/// Nothing beyond ``Limits/input`` is received until it is asked for, and a client that waits for `100 Continue` gets
/// it with the first ``next()``: a handler that answers without reading has the client send nothing at all.
@EventLoop
package final class RequestBody: ByteSource {
    /// How many bytes the client announced; `nil` if it will only tell at the end (chunked).
    package let contentLength: Int?
    /// How many bytes may come at most; set it before the first ``next()``.
    package var limit = Int.max
    /// How many bytes have been given out.
    package private(set) var count = 0

    private var source: Source
    private var failure: BodyError?
    private var expectsContinue: Bool

    private enum Source {
        case connection(RequestReader)
        case bytes([UInt8])
    }

    init(_ reader: RequestReader, _ head: RequestHead) {
        source = .connection(reader)
        expectsContinue = head.expectsContinue
        contentLength =
            switch head.body {
            case .none: 0
            case .length(let length): length
            case .chunked: nil
            }
    }

    /// A body that is there already, for handlers called without a connection.
    package init(_ bytes: [UInt8]) {
        source = .bytes(bytes)
        contentLength = bytes.count
        expectsContinue = false
    }

    /// The next bytes, never empty; `nil` once all have been given.
    ///
    /// - Throws: `BodyError`; the same again when called again. A length beyond ``limit`` is refused before anything
    ///   is read.
    package func next() async throws(BodyError) -> [UInt8]? { try await next(atLeast: 1) }

    package func next(atLeast count: Int) async throws(BodyError) -> [UInt8]? {
        if let failure { throw failure }
        do throws(BodyError) {
            if let contentLength, contentLength > limit { throw .tooLarge(limit: limit) }
            guard let part = try await nextPart(atLeast: count) else { return nil }
            self.count += part.count
            guard self.count <= limit else { throw .tooLarge(limit: limit) }
            return part
        } catch {
            failure = error
            throw error
        }
    }

    /// All of the body, where it has been received already, as small ones are with their heads; `nil` for any other.
    ///
    /// - Throws: `BodyError`, as ``next()`` does.
    package func whole() throws(BodyError) -> [UInt8]? {
        guard failure == nil, count == 0, case .connection(let reader) = source, let contentLength,
            contentLength > 0, contentLength <= min(limit, reader.limits.input, reader.stream.availableCount)
        else { return nil }
        do throws(BodyError) {
            let body = try reader.bodyPartAtHand()
            count = body.count
            return body
        } catch {
            failure = error
            throw error
        }
    }

    package var isExhausted: Bool {
        guard failure == nil, case .connection(let reader) = source else { return false }
        return reader.isBodyComplete
    }

    private func nextPart(atLeast count: Int = 1) async throws(BodyError) -> [UInt8]? {
        switch source {
        case .bytes(let bytes):
            source = .bytes([])
            return bytes.isEmpty ? nil : bytes
        case .connection(let reader):
            sendContinue(reader)
            return try await reader.nextBodyPart(atLeast: count)
        }
    }

    /// Lets the client start to send, if it waits for that; needless once bytes have come (RFC 9110, section 10.1.1).
    private func sendContinue(_ reader: RequestReader) {
        guard expectsContinue else { return }
        expectsContinue = false
        guard contentLength != 0, reader.stream.availableCount == 0 else { return }
        let interim: [UInt8] = Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)
        reader.stream.write(interim.span)
    }

    // MARK: What the connection does about the rest

    /// What has to happen before the connection can serve its next request.
    enum Rest {
        /// Nothing: the body has been read.
        case none
        /// So little is left that reading it is cheaper than a new connection.
        case small
        /// Too much, or nobody knows how much, or it makes no sense: the connection has served its last request.
        case unknown
    }

    func rest(limit: Int) -> Rest {
        if failure != nil { return .unknown }
        guard case .connection(let reader) = source else { return .none }
        if contentLength == 0 || reader.isBodyComplete { return .none }
        // A client that was never told to continue may send the body or leave it out.
        guard let contentLength, !expectsContinue else { return .unknown }
        return contentLength - count <= limit ? .small : .unknown
    }

    /// Reads and drops what is left; `false` if it did not come.
    func discard() async -> Bool {
        limit = .max
        do throws(BodyError) {
            while try await nextPart() != nil {}
            return true
        } catch {
            return false
        }
    }

    /// Cuts the body off the connection, whose next bytes belong to another request.
    func detach() {
        source = .bytes([])
        failure = failure ?? .clientLeft
    }
}

/// Why a request's body could not be read to its end.
package enum BodyError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The client closed the connection, or was cut off because the server stops.
    case clientLeft
    /// The client sent nothing for this long.
    case timedOut(Duration)
    /// The body's framing makes no sense.
    case malformed(Rejection)
    /// The body is, or would be, larger than the limit in bytes.
    case tooLarge(limit: Int)

    package var description: String {
        switch self {
        case .clientLeft: "the client left before the request's body was complete"
        case .timedOut(let time): "the client sent no more of the request's body for \(time.components.seconds) seconds"
        case .malformed(let rejection): rejection.message
        case .tooLarge(let limit): "the request's body is larger than \(limit) bytes"
        }
    }
}
