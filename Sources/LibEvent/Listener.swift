import CEvent
import Glibc

/// Accepts connections on one address, from its creation until ``close()``.
@EventLoop
@safe
package final class Listener {
    /// How long accepting rests after the process has run out of descriptors: without a rest the loop would spin.
    private static let restAfterExhaustion = Duration.milliseconds(100)

    /// The address in use; where port 0 was asked for, the port that the kernel chose.
    package let address: SocketAddress
    private let accepted: @EventLoop (consuming Socket, SocketAddress) -> Void
    private let refused: @EventLoop (ListenerError) -> Void
    private var handle = Handle()
    private var isPaused = false
    /// Whether the last connection could not be accepted.
    private var isRefusing = false
    private lazy var rest = Timer { [unowned self] in
        if !isPaused { handle.enable() }
    }

    /// Starts to listen; `backlog` is how many connections the kernel holds until they are accepted.
    ///
    /// `accepted` takes over each connection. `refused` hears why one could not be accepted, mostly `EMFILE`; accepting
    /// then rests a moment at a time, and `refused` hears no more of it until one was accepted again.
    /// - Throws: `ListenerError` when the address is in use, not this machine's, or not allowed.
    package init(
        on address: SocketAddress, backlog: CInt = 1024,
        accepted: @escaping @EventLoop (consuming Socket, SocketAddress) -> Void,
        refused: @escaping @EventLoop (ListenerError) -> Void
    ) throws(ListenerError) {
        let socket = try Socket(boundTo: address)
        self.address = socket.localAddress ?? address
        self.accepted = accepted
        self.refused = refused
        let this = unsafe Unmanaged.passUnretained(self).toOpaque()
        guard unsafe handle.listen(socket, backlog: backlog, this) else {
            throw ListenerError(address: address, operation: "listen", code: errno)
        }
    }

    /// Leaves new connections to the kernel's backlog until ``resume()``.
    package func pause() {
        isPaused = true
        handle.disable()
    }

    package func resume() {
        isPaused = false
        handle.enable()
    }

    /// Stops listening for good: connections not yet accepted are refused.
    package func close() {
        isPaused = true
        handle.free()
    }

    fileprivate func didAccept(_ descriptor: CInt, from peer: SocketAddress?) {
        let socket = Socket(descriptor: descriptor)
        isRefusing = false
        guard let peer else { return }
        accepted(socket, peer)
    }

    fileprivate func didFail() {
        let error = ListenerError(address: address, operation: "accept", code: errno)
        handle.disable()
        rest.schedule(after: Self.restAfterExhaustion)
        if !isRefusing { refused(error) }
        isRefusing = true
    }

    isolated deinit {}
}

/// Why an address cannot be listened on, or a connection not be accepted.
package struct ListenerError: Error, Hashable, CustomStringConvertible {
    package let address: SocketAddress
    /// `listen` or `accept`.
    package let operation: String
    /// The value of `errno`.
    package let code: CInt

    package var description: String {
        let advice =
            switch code {
            case EADDRINUSE: "; another program listens there, stop it or choose another port"
            case EADDRNOTAVAIL: "; this machine does not have that address"
            case EACCES where address.port < 1024: "; ports below 1024 need a privilege, choose another"
            case EMFILE, ENFILE: "; raise the limit of open files (ulimit -n, LimitNOFILE=)"
            default: ""
            }
        return "cannot \(operation) on \(address): \(errorText(code))\(advice)"
    }
}

/// The system's sentence for a value of `errno`.
func errorText(_ code: CInt) -> String {
    guard let text = unsafe strerror(code) else { return "error \(code)" }
    return unsafe String(cString: text)
}

/// Owns a `struct evconnlistener *`.
@safe
private struct Handle: ~Copyable {
    private var pointer: OpaquePointer?

    mutating func listen(_ socket: consuming Socket, backlog: CInt, _ context: UnsafeMutableRawPointer) -> Bool {
        let descriptor = socket.release()
        unsafe pointer = evconnlistener_new(
            EventLoop.shared.executor.base,
            { _, descriptor, address, _, this in
                guard let this = unsafe this else { return }
                let listener = unsafe Unmanaged<Listener>.fromOpaque(this).takeUnretainedValue()
                let peer = unsafe address.flatMap { unsafe SocketAddress($0) }
                EventLoop.assumeIsolated((listener, descriptor, peer)) { $0.didAccept($1, from: $2) }
            }, context, UInt32(LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC), backlog, descriptor)
        guard let pointer = unsafe pointer else {
            let code = errno
            Glibc.close(descriptor)
            errno = code
            return false
        }
        unsafe evconnlistener_set_error_cb(pointer) { _, this in
            guard let this = unsafe this else { return }
            let listener = unsafe Unmanaged<Listener>.fromOpaque(this).takeUnretainedValue()
            EventLoop.assumeIsolated(listener) { $0.didFail() }
        }
        return true
    }

    borrowing func enable() {
        if let pointer = unsafe pointer { unsafe evconnlistener_enable(pointer) }
    }

    borrowing func disable() {
        if let pointer = unsafe pointer { unsafe evconnlistener_disable(pointer) }
    }

    mutating func free() {
        guard let pointer = unsafe pointer else { return }
        unsafe evconnlistener_free(pointer)
        unsafe self.pointer = nil
    }

    deinit {
        if let pointer = unsafe pointer { unsafe evconnlistener_free(pointer) }
    }
}
