import CEvent
import Glibc

/// One connected socket, with bytes received and not yet consumed, and bytes written and not yet sent.
///
/// Two plain events and a libevent buffer rather than a `bufferevent`: that one (2.1) reads 4 KiB at a time, cannot
/// write before the next turn of the loop, and while its input is full it does not see the peer leave. The events are
/// edge-triggered, so that pausing and resuming costs no system call and a departure shows at once (`EPOLLRDHUP`).
@EventLoop
@safe
package final class Stream {
    /// The largest part read or thrown away at once; also how much is taken in before other sockets get their turn.
    private static let bytesPerTurn = 64 << 10
    /// How often output goes to the socket before other sockets get their turn.
    private static let writesPerTurn = 8

    /// Called once, when the peer has sent its last byte or the connection has broken.
    ///
    /// It is called at once, even while the input is full and nobody reads. A peer that closed only its sending side
    /// cannot be told from one that left.
    package var peerLeft: (@EventLoop () -> Void)?
    package private(set) var hasPeerLeft = false
    /// Bytes received since the start.
    package private(set) var receivedCount = 0
    /// Bytes that the kernel has taken since the start.
    package private(set) var sentCount = 0

    private let descriptor: CInt
    private var socket: Socket?
    private var failure: StreamError?

    private var readable = Event()
    private let inputLimit: Int
    private var input: [UInt8] = []
    /// How much of the start of `input` is consumed already.
    private var inputStart = 0
    /// Whether what came last was so much that the input should have room for as much as it may hold.
    private var expectsMuch = false
    private var hasInputEnded = false
    private var isInputPaused = false
    private var isInputDiscarded = false
    private let inputChanged = Wakeup()

    private var writable = Event()
    private var output = OutputBuffer()
    private var awaitsWritable = false
    /// Bytes sent since other sockets had their turn.
    private var sentThisTurn = 0
    private let outputChanged = Wakeup()

    /// Takes over a connected socket and starts to receive, at most `inputLimit` bytes ahead of whoever consumes them.
    ///
    /// - Throws: `StreamError.broken` when the system has no room for another socket.
    package init(_ socket: consuming Socket, inputLimit: Int) throws(StreamError) {
        self.inputLimit = inputLimit
        descriptor = socket.descriptor
        // Answers are written whole: waiting for more to send would only delay them.
        socket.set(CInt(TCP_NODELAY), of: CInt(IPPROTO_TCP), to: 1)
        self.socket = consume socket
        let this = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe readable.assign(descriptor, Int16(EV_READ | EV_CLOSED | EV_ET | EV_PERSIST), this) { _, what, this in
            guard let this = unsafe this else { return }
            let stream = unsafe Unmanaged<Stream>.fromOpaque(this).takeUnretainedValue()
            EventLoop.assumeIsolated((stream, what)) { $0.didBecomeReadable($1) }
        }
        guard readable.add() else {
            close()
            throw .broken(code: errno)
        }
    }

    // MARK: Receiving

    /// How many received bytes are not consumed yet.
    package var availableCount: Int { input.count - inputStart }

    /// Lends the bytes received and not yet consumed, and consumes as many of them as `body` says.
    package func withReceived<Result>(_ body: (Span<UInt8>) -> (consumed: Int, result: Result)) -> Result {
        let (consumed, result) = body(input.span.extracting(inputStart..<input.count))
        consume(consumed)
        return result
    }

    /// Hands over all bytes received and not yet consumed, and with them the memory that they are in.
    ///
    /// Where it is much, as much is made ready for what comes next: the kernel writes it there, and nobody copies it.
    package func takeReceived() -> [UInt8] {
        input.removeFirst(inputStart)
        inputStart = 0
        var taken: [UInt8] = []
        swap(&taken, &input)
        expectsMuch = taken.count >= Self.bytesPerTurn
        resumeInput()
        return taken
    }

    /// Suspends until more has been received than now; `false` once the peer has sent its last byte.
    ///
    /// Consume first: a full input receives nothing more.
    /// - Throws: `StreamError` when the deadline passes first, the connection breaks or is closed.
    package func moreReceived(until deadline: ContinuousClock.Instant) async throws(StreamError) -> Bool {
        let before = receivedCount
        while receivedCount == before {
            if hasInputEnded { return false }
            if let failure { throw failure }
            if availableCount < inputLimit { resumeInput() }
            guard await inputChanged.wait(until: deadline) else { throw .timedOut }
        }
        return true
    }

    /// Throws away what has been received, and from now on whatever is.
    package func discardInput() {
        isInputDiscarded = true
        consume(availableCount)
    }

    // MARK: Sending

    /// Queues bytes, and sends them at once where the kernel has room.
    ///
    /// It never waits and never fails: ``sent(downTo:stall:)`` tells. Say `isMoreComing` where the next write follows
    /// at once: the kernel then puts both into one packet.
    package func write(_ bytes: Span<UInt8>, isMoreComing: Bool = false) {
        guard failure == nil, !bytes.isEmpty else { return }
        var rest = bytes.extracting(...)
        if output.count == 0 {
            // Nearly every answer fits: this saves a copy, and waiting for the socket to be writable.
            let count = unsafe bytes.withUnsafeBytes { bytes in
                let flags = MSG_NOSIGNAL | (isMoreComing ? MSG_MORE : 0)
                return unsafe send(descriptor, bytes.baseAddress, bytes.count, CInt(flags))
            }
            if count > 0 {
                sentCount += count
                sentThisTurn += count
                rest = rest.extracting(droppingFirst: count)
            } else if errno != EAGAIN && errno != EINTR {
                return fail(errno)
            }
        }
        guard !rest.isEmpty else { return }
        guard output.append(rest) else { return fail(ENOMEM) }
        awaitWritable()
    }

    /// Queues part of a file, which the kernel sends without a copy.
    ///
    /// `owner` is kept until the part is sent or given up; it must keep the descriptor open. The corresponding C
    /// function is `sendfile`.
    package func writeFile(_ descriptor: CInt, _ range: Range<Int>, owner: any AnyObject & Sendable) {
        guard failure == nil, !range.isEmpty else { return }
        guard output.append(descriptor, range, owner: owner) else { return fail(ENOMEM) }
        if !awaitsWritable { flush() }
    }

    /// Whether the kernel has all that was written.
    package var isSent: Bool { output.count == 0 && failure == nil }

    /// Suspends until no more than `count` written bytes are unsent.
    ///
    /// - Throws: `StreamError` when the peer takes nothing at all for as long as `stall`, or the connection breaks or
    ///   is closed.
    package func sent(downTo count: Int, stall: Duration) async throws(StreamError) {
        if output.count == 0 { await letOthersHaveTheirTurn() }
        while output.count > count {
            if let failure { throw failure }
            let deadline = ContinuousClock.now.advanced(by: stall)
            guard await outputChanged.wait(until: deadline) else { throw .timedOut }
        }
        if let failure { throw failure }
    }

    /// Tells the peer that nothing more will come; what it still sends can be received.
    ///
    /// Bytes not yet sent are lost: wait for them first. The corresponding C function is `shutdown`.
    package func endOutput() {
        guard failure == nil else { return }
        // It fails only where the peer is gone already, which receiving finds out.
        _ = shutdown(descriptor, CInt(SHUT_WR))
    }

    // MARK: Closing

    /// Closes the connection at once; whoever waits for it gets `StreamError.closed`.
    package func close() {
        guard socket != nil else { return }
        failure = failure ?? .closed
        peerLeft = nil
        readable.free()
        writable.free()
        output.clear()
        socket = nil
        inputChanged.signal()
        outputChanged.signal()
    }

    /// Closes the connection so that the peer sees an error, not a regular end (`RST`).
    ///
    /// It is the only way to tell that an answer without a length was cut short.
    package func abort() {
        guard socket != nil else { return }
        var now = linger(l_onoff: 1, l_linger: 0)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        close()
    }

    isolated deinit { close() }
}

/// Why a stream gave up waiting.
package enum StreamError: Error, Hashable {
    /// Nothing moved for as long as was allowed.
    case timedOut
    /// The connection broke: the value of `errno`.
    case broken(code: CInt)
    /// This side closed it.
    case closed
}

// MARK: - What the loop calls

extension Stream {
    private func didBecomeReadable(_ what: Int16) {
        // EV_CLOSED comes with the peer's last byte (FIN), however many before it are unread.
        if what & Int16(EV_CLOSED) != 0 { notePeerLeft() }
        if isInputPaused {
            if !hasPeerLeft && isBroken { notePeerLeft() }
            return
        }
        receive()
    }

    /// Takes in what has come, until there is no more, the input is full or other sockets should have their turn.
    private func receive() {
        let before = receivedCount
        while failure == nil && !hasInputEnded {
            if receivedCount - before >= Self.bytesPerTurn {
                readable.activate(Int16(EV_READ))
                break
            }
            let room = isInputDiscarded ? Self.bytesPerTurn : min(inputLimit - availableCount, Self.bytesPerTurn)
            guard room > 0 else {
                isInputPaused = true
                break
            }
            let count = receive(upTo: room)
            if count > 0 {
                receivedCount += count
                // On to EAGAIN even after a short read: an RST that came along with these bytes makes no event of its own.
            } else if count == 0 {
                hasInputEnded = true
                notePeerLeft()
            } else if errno == EAGAIN {
                break
            } else if errno != EINTR {
                fail(errno)
            }
        }
        if receivedCount != before || hasInputEnded { inputChanged.signal() }
    }

    /// Receives once, by way of the shared memory unless the input has room already.
    private func receive(upTo room: Int) -> Int {
        if expectsMuch {
            expectsMuch = false
            input.reserveCapacity(inputLimit)
        }
        guard !isInputDiscarded, input.capacity - input.count >= room else {
            let count = unsafe recv(descriptor, Self.scratch.baseAddress, room, 0)
            if count > 0, !isInputDiscarded { unsafe input.append(contentsOf: Self.scratch[..<count]) }
            return count
        }
        var count = 0
        input.append(addingCapacity: room) { output in
            unsafe output.withUnsafeMutableBufferPointer { buffer, filled in
                count = unsafe recv(descriptor, buffer.baseAddress, room, 0)
                filled = max(count, 0)
            }
        }
        return count
    }

    private func consume(_ count: Int) {
        inputStart += count
        if inputStart == input.count {
            // Thousands of idle connections should not each keep the room of their largest request.
            input.removeAll(keepingCapacity: input.capacity <= Self.idleCapacity)
            inputStart = 0
        } else if inputStart >= inputLimit {
            input.removeFirst(inputStart)
            inputStart = 0
        }
        // Not for every few bytes, or each would cost a turn of the loop.
        if availableCount <= inputLimit / 2 { resumeInput() }
    }

    private func resumeInput() {
        guard isInputPaused else { return }
        isInputPaused = false
        readable.activate(Int16(EV_READ))
    }

    /// Goes on in the next turn of the loop, once enough has been sent in this one.
    ///
    /// Whoever has the next bytes at hand would never wait, and send as much at once as the peer takes.
    private func letOthersHaveTheirTurn() async {
        while sentThisTurn >= Self.bytesPerTurn, failure == nil {
            if !writable.isAssigned { assignWritable() }
            writable.activate(Int16(EV_WRITE))
            _ = await outputChanged.wait()
        }
    }

    private func flush() {
        sentThisTurn = 0
        guard failure == nil else { return }
        let before = output.count
        for _ in 0..<Self.writesPerTurn where output.count > 0 {
            let count = output.send(to: descriptor)
            if count > 0 {
                sentCount += count
            } else if count < 0 && errno != EAGAIN && errno != EINTR {
                return fail(errno)
            } else {
                // Full. The event stays, and comes again when there is room.
                awaitWritable()
                if output.count != before { outputChanged.signal() }
                return
            }
        }
        if output.count > 0 {
            awaitWritable()
            writable.activate(Int16(EV_WRITE))
        } else if awaitsWritable {
            awaitsWritable = false
            writable.remove()
        }
        outputChanged.signal()
    }

    private func awaitWritable() {
        guard !awaitsWritable else { return }
        awaitsWritable = true
        if !writable.isAssigned { assignWritable() }
        if !writable.add() { fail(errno) }
    }

    /// Only once something waits to be sent: most connections never need the event.
    private func assignWritable() {
        let this = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe writable.assign(descriptor, Int16(EV_WRITE | EV_ET | EV_PERSIST), this) { _, _, this in
            guard let this = unsafe this else { return }
            let stream = unsafe Unmanaged<Stream>.fromOpaque(this).takeUnretainedValue()
            EventLoop.assumeIsolated(stream) { $0.flush() }
        }
    }

    private func fail(_ code: CInt) {
        failure = failure ?? .broken(code: code)
        output.clear()
        notePeerLeft()
        inputChanged.signal()
        outputChanged.signal()
    }

    private func notePeerLeft() {
        guard !hasPeerLeft else { return }
        hasPeerLeft = true
        peerLeft.take()?()
    }

    /// Whether the kernel knows the connection to be over, asked without reading.
    ///
    /// libevent reports an `RST` as plain readiness, as it does more bytes.
    package var isBroken: Bool {
        var descriptor = pollfd(fd: descriptor, events: 0, revents: 0)
        guard unsafe poll(&descriptor, 1, 0) == 1 else { return false }
        return CInt(descriptor.revents) & (POLLERR | POLLHUP) != 0
    }

    /// How many bytes of room an empty input keeps.
    private static let idleCapacity = 4 << 10
    /// Where the kernel puts what is received before it is known how much that is; shared by all streams of the loop.
    private static let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: bytesPerTurn, alignment: 16)
}
