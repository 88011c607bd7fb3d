import CCurl
import HTTP
import LibEvent

/// One request in flight, and the task that waits for what it brings.
///
/// The callbacks of libcurl only record; ``act()`` draws the conclusions once libcurl has returned. Whatever happens
/// wakes the one task that waits, in ``wake()`` alone, and that task looks again at what there is.
@EventLoop
@safe
final class Transfer {
    /// How many bytes of the body may wait for the reader before the server has to.
    static let maxBufferedBytes = 256 << 10
    /// How long a body is when it is taken for one that will fill the buffer.
    private static let longBody = 64 << 10
    /// How long the timer is set at most, so that no limit is too long for it.
    private static let longestSleep = Duration.seconds(3600)

    let easy: EasyHandle
    private let requestHead: RequestHead
    private let client: HTTPClient
    private let method: Method
    private let limits: TransferLimits

    private var upload: Upload
    private var fetch: Task<Void, any Error>?
    private var isSendingPaused = false

    private var head = ResponseHead()
    private var received: [UInt8] = []
    private var receivedCount = 0
    /// How many bytes have to be there before the reader is woken for them.
    private var wantedCount = 0
    private var isReceivingPaused = false

    private let started: ContinuousClock.Instant
    private var stage = Stage.connecting
    /// When the stage began, or bytes last moved in it.
    private var lastProgress: ContinuousClock.Instant
    private var timer: Timer?
    private var timerDue: ContinuousClock.Instant?

    /// What a callback found wrong; libcurl then stops with a code that means less.
    private var failure: ClientError.Kind?
    private var refusedAddress: ClientError.Kind?
    private(set) var outcome: Result<Void, ClientError>?
    /// Unchecked, for a check is an object of its own for each wait; ``wake()`` resumes it, and forgets it.
    private var waiter: UnsafeContinuation<Void, Never>?
    /// How often the waiter was to look again.
    private var changeCount = 0

    private enum Stage {
        /// Nothing of the request has been sent.
        case connecting
        case sending, thinking, receiving
    }

    init(
        _ request: ClientRequest, with requestHead: RequestHead, by client: HTTPClient,
        since started: ContinuousClock.Instant
    ) throws(EasyHandle.OptionError) {
        easy = try client.handle(for: request)
        try easy.prepare(for: request, with: requestHead)
        self.requestHead = requestHead
        self.client = client
        method = request.method
        limits = request.limits
        upload = Upload(request.shortBody == nil ? request.body : .none)
        self.started = started
        lastProgress = .now
    }

    var url: TargetURL { requestHead.url }

    // MARK: What the waiting task calls

    /// Waits until the head of the response has arrived, or nothing will any more.
    func headArrived() async {
        while !head.isComplete, outcome == nil { await change() }
    }

    /// The head of the response, when it has arrived.
    func responseHead() throws(ClientError) -> ResponseHead {
        if head.isComplete { return head }
        try outcome?.get()
        throw error(.malformedResponse("it has no head"))
    }

    /// All that has arrived of the body since the last call, once it is `count` bytes, the buffer is full or nothing more
    /// will come; `nil` after the end.
    func nextPiece(atLeast count: Int) async throws(ClientError) -> [UInt8]? {
        wantedCount = min(count, Self.maxBufferedBytes / 2)
        while received.count < wantedCount, outcome == nil { await change() }
        wantedCount = 0
        if received.isEmpty, let outcome {
            try outcome.get()
            return nil
        }
        var piece: [UInt8] = []
        swap(&piece, &received)
        if isReceivingPaused {
            isReceivingPaused = false
            lastProgress = .now
            resume()
        }
        return piece
    }

    /// Whether all of the body has been taken, and nothing went wrong.
    var isExhausted: Bool {
        if received.isEmpty, case .success? = outcome { true } else { false }
    }

    /// Ends the transfer if it has not ended; the connection is closed.
    func cancel() {
        client.end(self, because: .cancelled)
    }

    private func change() async {
        precondition(unsafe waiter == nil, "one response is read by one task")
        let seen = changeCount
        await withTaskCancellationHandler {
            unsafe await withUnsafeContinuation { continuation in
                // Whoever had to change threads on the way here may have missed one.
                if changeCount == seen { unsafe waiter = continuation } else { unsafe continuation.resume() }
            }
        } onCancel: {
            // May run on any thread, and even before the block above; spawning puts it after.
            EventLoop.spawn { self.cancel() }
        }
    }

    // MARK: What the client calls

    /// Sets the first timer, once libcurl has taken the transfer.
    func begin() {
        timer = Timer { [unowned self] in checkDeadlines() }
        act()
    }

    /// Draws the conclusions from what the callbacks have recorded; libcurl is not running.
    func act() {
        guard outcome == nil else { return }
        if head.isComplete, head.status.rawValue >= 300, upload.remaining > 0 {
            // libcurl has stopped sending, but does not finish as long as it is told to wait for more.
            upload.drop()
            fetch?.cancel()
            if isSendingPaused {
                isSendingPaused = false
                resume()
            }
        } else if isSendingPaused {
            fetchPiece()
        }
        scheduleTimer()
        if head.isComplete, received.count >= wantedCount { wake() }
    }

    /// Records how it ended, when libcurl has let go of the transfer.
    func complete(with code: CURLcode) {
        guard code != CURLE_OK || failure != nil else { return complete(with: .success(())) }
        complete(with: .failure(error(failure ?? kind(of: code))))
    }

    func complete(because kind: ClientError.Kind) {
        complete(with: .failure(error(kind)))
    }

    private func complete(with outcome: Result<Void, ClientError>) {
        self.outcome = outcome
        timer = nil
        fetch?.cancel()
        fetch = nil
        upload.drop()
        wake()
    }

    /// The only place where a task that waits is resumed.
    private func wake() {
        changeCount &+= 1
        unsafe waiter?.resume()
        unsafe waiter = nil
    }

    // MARK: What libcurl calls

    /// Whether a request may be made on the connection that libcurl has found.
    ///
    /// libcurl repeats a request by itself when a connection that it used again breaks before a byte of the answer. For
    /// a request that costs money each time, it may not: the server may have acted on the first one.
    func beforeRequest() -> Bool {
        guard stage == .connecting || method == .get || method == .head else {
            failure = .connectionLost("the server closed it without an answer")
            return false
        }
        enter(upload.remaining > 0 ? .sending : .thinking)
        return true
    }

    /// Whether a socket may be opened to an address.
    func mayConnect(to address: IPAddress?) -> Bool {
        guard let address else { return client.addresses == .any }
        guard let purpose = client.addresses.refusal(of: address) else { return true }
        refusedAddress = .addressRefused(host: url.origin.host, address: "\(address)", purpose: purpose)
        return false
    }

    /// Fills libcurl's buffer with the body; `nil` if it has to wait.
    @unsafe func send(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
        let count = unsafe upload.move(to: buffer)
        guard count > 0 || upload.remaining == 0 else {
            isSendingPaused = true
            client.note(self)
            return nil
        }
        lastProgress = .now
        if upload.remaining == 0, stage == .sending { enter(.thinking) }
        return count
    }

    /// Takes a line of the head; answers whether it can be used.
    @unsafe func receive(line: UnsafeRawBufferPointer) -> Bool {
        do {
            try unsafe head.append(line: line.assumingMemoryBound(to: UInt8.self).span)
        } catch {
            failure = .malformedResponse(error.reason)
            return false
        }
        if head.isComplete, stage != .receiving { enter(.receiving) }
        return true
    }

    /// Takes a part of the body; `nil` if the server has to wait, `false` if it is too much.
    @unsafe func receive(_ bytes: UnsafeRawBufferPointer) -> Bool? {
        guard received.isEmpty || received.count + bytes.count <= Self.maxBufferedBytes else {
            isReceivingPaused = true
            return nil
        }
        guard bytes.count <= limits.maxBodyBytes - receivedCount else {
            failure = .bodyTooLarge(limit: limits.maxBodyBytes)
            return false
        }
        receivedCount += bytes.count
        if receivedCount > Self.longBody { received.reserveCapacity(Self.maxBufferedBytes) }
        unsafe received.append(contentsOf: bytes)
        lastProgress = .now
        client.note(self)
        return true
    }

    private func enter(_ stage: Stage) {
        self.stage = stage
        lastProgress = .now
        client.note(self)
    }

    // MARK: The request's body

    private func fetchPiece() {
        guard fetch == nil, let source = upload.source else { return }
        fetch = EventLoop.spawn { [self] in
            do {
                supply(.success(try await source.next()))
            } catch {
                supply(.failure(error))
            }
        }
    }

    private func supply(_ piece: Result<[UInt8]?, any Error>) {
        // The server may have answered meanwhile, without wanting the rest.
        guard outcome == nil, upload.source != nil else { return }
        fetch = nil
        do {
            try upload.supply(piece.get())
        } catch {
            return client.end(self, because: .requestBodyFailed("\(error)"))
        }
        isSendingPaused = false
        lastProgress = .now
        resume()
    }

    private func resume() {
        guard outcome == nil else { return }
        client.resume(self, sendingPaused: isSendingPaused, receivingPaused: isReceivingPaused)
    }

    // MARK: Time

    /// Sets the timer to the next deadline, unless it goes off sooner anyway and will look then.
    private func scheduleTimer() {
        guard let deadline else { return }
        let now = ContinuousClock.now
        let due = min(deadline.instant, now + Self.longestSleep)
        if let timerDue, timerDue <= due { return }
        timerDue = due
        // A millisecond more, so that the deadline has passed when the timer goes off.
        timer?.schedule(after: now.duration(to: due) + .milliseconds(1))
    }

    private func checkDeadlines() {
        timerDue = nil
        guard let deadline else { return }
        if deadline.instant <= .now {
            client.end(self, because: deadline.kind)
        } else {
            scheduleTimer()
        }
    }

    /// The first limit that will be exceeded if nothing happens.
    private var deadline: (instant: ContinuousClock.Instant, kind: ClientError.Kind)? {
        let stage = stageLimit.map { (instant: lastProgress + $0.limit, timeout: $0.timeout, limit: $0.limit) }
        let total = limits.total.map { (instant: started + $0, timeout: ClientError.Timeout.total, limit: $0) }
        let first = if let stage, let total { stage.instant < total.instant ? stage : total } else { stage ?? total }
        return first.map { ($0.instant, .timedOut($0.timeout, limit: $0.limit)) }
    }

    private var stageLimit: (timeout: ClientError.Timeout, limit: Duration)? {
        switch stage {
        case .connecting: (.connect, limits.connect)
        // While sending is paused libcurl does not see that the server has gone, so the source has to keep moving too.
        case .sending: (.idle, limits.idle)
        case .thinking: (.head, limits.head)
        case .receiving: isReceivingPaused ? nil : (.idle, limits.idle)
        }
    }

    // MARK: Errors

    func error(_ kind: ClientError.Kind) -> ClientError {
        ClientError(kind, reached: stage == .connecting ? .no : .maybe, request: "\(method.rawValue) \(url.shown)")
    }

    private func kind(of code: CURLcode) -> ClientError.Kind {
        if code == CURLE_COULDNT_CONNECT, let refusedAddress { return refusedAddress }
        return ClientError.Kind(
            curlCode: code.rawValue, message: easy.message(for: code), wasConnecting: stage == .connecting,
            host: url.origin.host, connectLimit: limits.connect)
    }
}
