import HTTP
import LibEvent

/// One client: its requests in order, each read, answered and finished before the next.
@EventLoop
final class Connection {
    enum Phase {
        /// Between requests: closing now costs nobody anything.
        case idle
        case working
        /// The last answer is sent; what the client still sends is dropped, until it has seen the answer.
        case lingering
    }

    private let stream: Stream
    private let reader: RequestReader
    private let handler: any RequestHandler
    private let peer: Peer
    private let presence = Presence()
    private var task: Task<Void, any Error>?
    private var isLastRequest = false
    private var isWorking = false
    private var isLingering = false

    init(_ stream: Stream, from address: SocketAddress, limits: SharedLimits, handler: any RequestHandler) {
        self.stream = stream
        peer = Peer(address: address, presence: presence)
        self.handler = handler
        reader = RequestReader(stream, limits: limits)
    }

    private var limits: Limits { reader.limits }

    /// Serves the client in a task of its own, and tells when it is gone.
    func start(closed: @escaping @EventLoop @Sendable () -> Void) {
        stream.peerLeft = { [unowned self] in
            presence.end()
            // A client that only stops sending may well wait for its answer; one that is gone does not.
            if isWorking && stream.isBroken { task?.cancel() }
        }
        task = EventLoop.spawn { [self] in
            await run()
            stream.close()
            presence.end()
            closed()
        }
    }

    var phase: Phase {
        if isLingering { return .lingering }
        return reader.isIdle ? .idle : .working
    }

    /// Ends the connection with the request in work, or at once if there is none.
    func finish() {
        isLastRequest = true
        if phase == .idle { stream.close() }
    }

    /// Ends the connection at once, whatever is in work.
    func cut() {
        isLastRequest = true
        task?.cancel()
        if phase == .working { stream.abort() } else { stream.close() }
    }

    private func run() async {
        var mayContinue = true
        while mayContinue && !isLastRequest {
            switch await reader.next() {
            case .request: mayContinue = await serve()
            case let arrival:
                await refuse(arrival)
                mayContinue = false
            }
        }
    }

    /// Answers one request; `false` if it was the connection's last.
    private func serve() async -> Bool {
        let started = ContinuousClock.now
        let body = RequestBody(reader, reader.head)
        isWorking = true
        if stream.hasPeerLeft && stream.isBroken { task?.cancel() }
        let response = await handler.current.respond(to: reader.takeRequest(), body: body, peer: peer)
        return await send(response, body, since: started)
    }

    /// Sends the answer to a request, and sees to what is left of its body; `false` if it was the connection's last.
    ///
    /// Not inlined: what sending takes would take up memory for as long as the answer is being made.
    @inline(never)
    private func send(
        _ response: Response, _ body: RequestBody, since started: ContinuousClock.Instant
    ) async -> Bool {
        let (head, leftEarly) = (reader.head, stream.hasPeerLeft)

        let rest = body.rest(limit: limits.discarded)
        if rest == .unknown && !response.body.isStream {
            // A client that sends everything before it reads would never take a long answer otherwise.
            stream.discardInput()
        }
        let writer = ResponseWriter(
            response, to: head, keepsAlive: head.keepsAlive && !isLastRequest && rest != .unknown, on: stream,
            limits: limits)
        let isSent = await send(
            writer, Answer(request: head.request, response: response, started: started, clientLeft: leftEarly))
        isWorking = false
        defer { body.detach() }
        guard isSent else { return false }
        guard writer.keepsAlive && !isLastRequest else {
            await linger()
            return false
        }
        return rest == .none ? true : await body.discard()
    }

    /// Says why there was no request, in the handler's words, if anybody is there to hear it.
    @inline(never)
    private func refuse(_ arrival: RequestReader.Arrival) async {
        guard case .rejected(let rejection) = arrival else { return }
        let response = handler.response(to: rejection)
        let writer = ResponseWriter(response, to: nil, keepsAlive: false, on: stream, limits: limits)
        let answer = Answer(request: nil, response: response, started: .now, clientLeft: false)
        if await send(writer, answer) { await linger() }
    }

    private struct Answer {
        let request: Request?
        let response: Response
        let started: ContinuousClock.Instant
        let clientLeft: Bool
    }

    /// Sends an answer and reports the exchange; `false` if the connection had to be broken off.
    private func send(_ writer: ResponseWriter, _ answer: Answer) async -> Bool {
        let sentBefore = stream.sentCount
        var isComplete = true
        var clientLeft = answer.clientLeft
        do {
            try await writer.write()
        } catch {
            isComplete = false
            // A source may have ended because the client did.
            clientLeft = clientLeft || error is StreamError || stream.hasPeerLeft
            // No regular end: the client must not take part of an answer for the whole.
            stream.abort()
        }
        handler.finished(
            Exchange(
                request: answer.request, peer: peer, status: answer.response.status,
                answerFields: answer.response.fields, receivedBytes: reader.requestCount,
                sentBytes: stream.sentCount - sentBefore, duration: answer.started.duration(to: .now),
                isComplete: isComplete, clientLeft: clientLeft))
        return isComplete
    }

    /// Lets the client read the last answer before the connection closes (RFC 9112, section 9.6).
    @inline(never)
    private func linger() async {
        isLingering = true
        stream.endOutput()
        stream.discardInput()
        let start = stream.receivedCount
        let deadline = ContinuousClock.now.advanced(by: limits.lingerTime)
        while stream.receivedCount - start < limits.lingerBytes {
            let stall = ContinuousClock.now.advanced(by: limits.lingerStall)
            guard stall < deadline, let isMore = try? await stream.moreReceived(until: stall), isMore else { return }
        }
    }
}
