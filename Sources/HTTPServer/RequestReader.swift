import HTTP
import LibEvent

/// Reads one connection's requests, piece by piece and each within its time.
@EventLoop
final class RequestReader {
    enum Arrival {
        /// Its ``head`` is there.
        case request
        indirect case rejected(Rejection)
        /// The client has left, or has sent nothing for so long that the connection is of no more use.
        case nothing
    }

    let stream: Stream
    /// The head of the current request, whose fields are gone with ``takeRequest()``.
    private(set) var head = RequestHead(request: Request(method: .get, target: "/"), minorVersion: 1)
    /// Whether no byte of the next request has come yet.
    private(set) var isIdle = true
    /// Bytes of the current request so far, head and framing included.
    private(set) var requestCount = 0
    /// Whether the current request's body has been read to its end.
    private(set) var isBodyComplete = true
    private var parser: RequestParser

    init(_ stream: Stream, limits: SharedLimits) {
        self.stream = stream
        parser = RequestParser(limits: limits)
    }

    var limits: Limits { parser.limits }

    /// Hands over the current request: its fields need not be kept for as long as it is answered.
    ///
    /// Not inlined: its copies would take up memory for as long as that takes.
    @inline(never)
    func takeRequest() -> Request {
        defer { head.request.fields = [:] }
        return head.request
    }

    /// Waits for the head of the next request.
    func next() async -> Arrival {
        requestCount = 0
        isIdle = stream.availableCount == 0
        defer { isIdle = false }
        var headDeadline: ContinuousClock.Instant?
        while true {
            if let arrival = arrival() { return arrival }
            isIdle = requestCount == 0 && stream.availableCount == 0
            if !isIdle && headDeadline == nil { headDeadline = .now.advanced(by: limits.headTime) }
            do throws(StreamError) {
                let deadline = headDeadline ?? .now.advanced(by: limits.idleTime)
                guard try await stream.moreReceived(until: deadline) else { return .nothing }
            } catch .timedOut where !isIdle {
                return .rejected(.headTimeout(limits.headTime))
            } catch {
                return .nothing
            }
        }
    }

    /// What the bytes at hand make, once there are enough of them.
    ///
    /// Not inlined: what parsing takes would take up memory for as long as a connection is idle.
    @inline(never)
    private func arrival() -> Arrival? {
        var nothing: [UInt8] = []
        while true {
            switch parse(into: &nothing) {
            case .head(let head):
                isBodyComplete = false
                self.head = head
                return .request
            case .reject(let rejection): return .rejected(rejection)
            // The end of a request whose body nobody asked for, because it has none.
            case .end, .body: continue
            case .needMore: return nil
            }
        }
    }

    /// The next bytes of the current request's body, at most about ``Limits/input``; `nil` once it has ended.
    ///
    /// Waits for `count` bytes of a body whose length is known, unless fewer are left.
    func nextBodyPart(atLeast count: Int) async throws(BodyError) -> [UInt8]? {
        let wanted = min(count, limits.input, parser.bodyRest ?? 0)
        while stream.availableCount < wanted { try await receiveMore() }
        while true {
            let part = try bodyPartAtHand()
            if !part.isEmpty { return part }
            if isBodyComplete { return nil }
            try await receiveMore()
        }
    }

    /// What has been received of the current request's body, at most about ``Limits/input``.
    func bodyPartAtHand() throws(BodyError) -> [UInt8] {
        var part: [UInt8] = []
        while !isBodyComplete, part.count < limits.input {
            switch parse(into: &part) {
            case .body: continue
            case .reject(let rejection): throw .malformed(rejection)
            case .end, .head: isBodyComplete = true
            case .needMore: return part
            }
        }
        return part
    }

    private func receiveMore() async throws(BodyError) {
        do throws(StreamError) {
            let deadline = ContinuousClock.now.advanced(by: limits.bodyStall)
            guard try await stream.moreReceived(until: deadline) else { throw StreamError.closed }
        } catch {
            throw error == .timedOut ? .timedOut(limits.bodyStall) : .clientLeft
        }
    }

    /// Shows the parser what has been received, and takes the body's bytes over.
    private func parse(into part: inout [UInt8]) -> RequestParser.Action {
        let action = stream.withReceived { bytes in
            let step = parser.parse(bytes)
            requestCount += step.consumed
            if case .body(let range) = step.action {
                // All there is can be taken over as it is, below.
                if part.isEmpty, range == bytes.indices { return (0, step.action) }
                part.append(copying: bytes.extracting(range))
            }
            return (step.consumed, step.action)
        }
        if case .body = action, part.isEmpty { part = stream.takeReceived() }
        return action
    }
}
