import CCurl
import Glibc
import HTTP
package import LibEvent

/// Sends requests to other servers: libcurl's multi interface on the event loop.
///
/// A client has one address policy and one pool of connections, so that a connection opened for a URL the owner wrote
/// is never used for one that came from outside. Make one client for each.
///
/// It speaks HTTP/1.1, verifies certificates, keeps no cookies, and sends no request twice, except for a GET or HEAD
/// whose kept connection turned out to be closed. A client without restrictions honours the usual proxy variables of
/// the environment; a restricted one connects directly.
@EventLoop
@safe
package final class HTTPClient {
    nonisolated package let addresses: AddressPolicy
    nonisolated let connections: ConnectionLimits
    nonisolated let userAgent: String
    private let multi: UnsafeMutableRawPointer
    /// Handles of orders that are over, for the next ones.
    private var spareHandles: [EasyHandle] = []
    /// Spare handles at most: each keeps the memory that it has received into.
    nonisolated static let spareHandleLimit = 16
    /// Every transfer that libcurl holds a pointer to; being in here is what keeps it alive.
    private var transfers: [UnsafeMutableRawPointer: Transfer]
    /// The transfers whose callbacks have recorded something since libcurl was called.
    private var noted: [Transfer] = []
    private var watches: [curl_socket_t: Watch] = [:]
    private var timer: Timer?
    /// The heads of the last orders, by their URLs.
    private var orderHeads: [String: RequestHead] = [:]

    /// Heads that are remembered at most; then all are forgotten.
    private static let orderHeadLimit = 64

    package init(
        addresses: AddressPolicy, connections: ConnectionLimits = ConnectionLimits(), userAgent: String = "easel"
    ) {
        precondition(Self.isLibraryReady, "libcurl cannot be initialised")
        self.addresses = addresses
        self.connections = connections
        self.userAgent = userAgent
        guard let multi = unsafe curl_multi_init() else { preconditionFailure("out of memory") }
        unsafe self.multi = multi
        unsafe transfers = [:]
        timer = Timer { [unowned self] in drive(CURL_SOCKET_TIMEOUT, 0) }
        connectCallbacks()
        set(CURLMOPT_PIPELINING, to: Int(CURLPIPE_NOTHING))
        set(CURLMOPT_MAXCONNECTS, to: connections.idle)
        set(CURLMOPT_MAX_HOST_CONNECTIONS, to: connections.perHost ?? 0)
        set(CURLMOPT_MAX_TOTAL_CONNECTIONS, to: connections.total ?? 0)
    }

    isolated deinit {
        // Transfers keep their client, so only idle connections are left. Closing them needs no callbacks.
        check(unsafe shim_multi_set_socket_callback(multi, nil))
        check(unsafe shim_multi_set_timer_callback(multi, nil))
        check(unsafe curl_multi_cleanup(multi))
    }

    /// Sends a request; returns as soon as the head of the response has arrived.
    ///
    /// Cancelling the task ends the transfer, here and in the response's body.
    ///
    /// - Throws: What went wrong, and whether the server can have received the request.
    package func send(_ request: ClientRequest) async throws(ClientError) -> ClientResponse {
        let exchange = try begin(request)
        await exchange.headArrived()
        return try exchange.response()
    }

    /// Begins to send a request, which need not be kept while its response is waited for.
    package func begin(_ request: ClientRequest) throws(ClientError) -> Exchange {
        try Exchange(request, by: self)
    }

    /// Begins one hop of an exchange.
    func begin(
        _ request: ClientRequest, since started: ContinuousClock.Instant
    ) throws(ClientError) -> Transfer {
        let head = try head(of: request)
        guard !Task.isCancelled else { throw request.error(.cancelled, reached: .no, at: head.url) }
        do throws(EasyHandle.OptionError) {
            let transfer = try Transfer(request, with: head, by: self, since: started)
            try transfer.easy.connect(to: transfer)
            let code = unsafe curl_multi_add_handle(multi, transfer.easy.pointer)
            guard code == CURLM_OK else { throw EasyHandle.OptionError(CURLE_FAILED_INIT) }
            unsafe transfers[transfer.easy.pointer] = transfer
            transfer.begin()
            // libcurl has set its timer to now, which would be a turn of the loop from now.
            drive(CURL_SOCKET_TIMEOUT, 0)
            return transfer
        } catch {
            throw request.error(error, at: head.url)
        }
    }

    /// The head of a request; that of an order may have been made for one before it.
    private func head(of request: ClientRequest) throws(ClientError) -> RequestHead {
        guard request.isShortOrder else { return try RequestHead(request) }
        if let head = orderHeads[request.url], head.fits(request) { return head }
        let head = try RequestHead(request)
        if orderHeads.count >= Self.orderHeadLimit { orderHeads = [:] }
        orderHeads[request.url] = head
        return head
    }

    // MARK: What transfers call

    /// A handle on which everything is set that is the same for all requests.
    func handle(for request: ClientRequest) throws(EasyHandle.OptionError) -> EasyHandle {
        if request.isShortOrder, let spare = spareHandles.popLast() { return spare }
        let handle = try EasyHandle()
        try handle.prepare(for: self)
        return handle
    }

    /// Keeps the handle of a transfer that has ended well, if the next order can use it.
    private func keepHandle(of transfer: Transfer) {
        guard transfer.easy.isReusable, case .success? = transfer.outcome,
            spareHandles.count < Self.spareHandleLimit, (try? transfer.easy.clear()) != nil
        else { return }
        spareHandles.append(transfer.easy)
    }

    /// Remembers a transfer whose callback has recorded something; called while libcurl runs.
    func note(_ transfer: Transfer) {
        if noted.last !== transfer { noted.append(transfer) }
    }

    /// Ends a transfer that libcurl has not ended; whoever removes it first decides the outcome.
    func end(_ transfer: Transfer, because kind: ClientError.Kind) {
        guard remove(transfer) else { return }
        transfer.complete(because: kind)
    }

    /// Lets a transfer go on that had to wait.
    func resume(_ transfer: Transfer, sendingPaused: Bool, receivingPaused: Bool) {
        let code = transfer.easy.pause(sending: sendingPaused, receiving: receivingPaused)
        if code != CURLE_OK, remove(transfer) { transfer.complete(with: code) }
        settle()
    }

    private func remove(_ transfer: Transfer) -> Bool {
        // Its handle may be another transfer's by now.
        guard unsafe transfers[transfer.easy.pointer] === transfer else { return false }
        unsafe transfers[transfer.easy.pointer] = nil
        check(unsafe curl_multi_remove_handle(multi, transfer.easy.pointer))
        return true
    }

    // MARK: libcurl's contract

    // 1. The socket callback says which sockets to watch.
    // 2. The timer callback says when to call back.
    // 3. A socket or the timer calls `curl_multi_socket_action`.
    // 4. After every call the finished transfers are collected.

    private func connectCallbacks() {
        let this = unsafe Unmanaged.passUnretained(self).toOpaque()
        check(unsafe shim_multi_set_pointer(multi, CURLMOPT_SOCKETDATA, this))
        check(unsafe shim_multi_set_pointer(multi, CURLMOPT_TIMERDATA, this))
        let socketCallback: curl_socket_callback = { _, socket, action, this, _ in
            let client = unsafe Unmanaged<HTTPClient>.fromOpaque(this!).takeUnretainedValue()
            EventLoop.assumeIsolated((client, socket, action)) { $0.watch($1, for: $2) }
            return 0
        }
        let timerCallback: curl_multi_timer_callback = { _, milliseconds, this in
            let client = unsafe Unmanaged<HTTPClient>.fromOpaque(this!).takeUnretainedValue()
            EventLoop.assumeIsolated((client, milliseconds)) { $0.schedule($1) }
            return 0
        }
        check(unsafe shim_multi_set_socket_callback(multi, socketCallback))
        check(unsafe shim_multi_set_timer_callback(multi, timerCallback))
    }

    /// Records what to wait for; it may call libevent, but never libcurl.
    ///
    /// A watch stays for the next connection of the same number: libcurl starts and stops one for every request.
    private func watch(_ socket: curl_socket_t, for action: CInt) {
        guard action != CURL_POLL_REMOVE else {
            watches[socket]?.stop()
            return
        }
        var interest: Readiness = []
        if action & CURL_POLL_IN != 0 { interest.insert(.read) }
        if action & CURL_POLL_OUT != 0 { interest.insert(.write) }
        let watch = watches[socket] ?? newWatch(socket)
        watch.start(for: interest)
    }

    private func newWatch(_ socket: curl_socket_t) -> Watch {
        let watch = Watch(socket) { [unowned self] ready in
            var action: CInt = 0
            if ready.contains(.read) { action |= CURL_CSELECT_IN }
            if ready.contains(.write) { action |= CURL_CSELECT_OUT }
            drive(socket, action)
        }
        watches[socket] = watch
        return watch
    }

    /// Sets the one timer; even a delay of zero goes through it, for acting here would recurse.
    private func schedule(_ milliseconds: Int) {
        if milliseconds < 0 { timer?.cancel() } else { timer?.schedule(after: .milliseconds(milliseconds)) }
    }

    /// Tells libcurl that something happened.
    private func drive(_ socket: curl_socket_t, _ action: CInt) {
        var running: CInt = 0
        check(unsafe curl_multi_socket_action(multi, socket, action, &running))
        settle()
    }

    /// Collects what libcurl has finished, and lets the transfers act on what they have recorded.
    private func settle() {
        var remaining: CInt = 0
        while let message = unsafe curl_multi_info_read(multi, &remaining) {
            let code = unsafe message.pointee.data.result  // before remove_handle frees the message
            guard let transfer = unsafe transfers[message.pointee.easy_handle], remove(transfer) else { continue }
            transfer.complete(with: code)
            keepHandle(of: transfer)
        }
        while let transfer = noted.popLast() { transfer.act() }
    }

    private func set(_ option: CURLMoption, to value: Int) {
        check(unsafe shim_multi_set_long(multi, option, value))
    }

    /// libcurl fails in these functions only if it is called wrongly or memory has run out.
    private func check(_ code: CURLMcode) {
        precondition(code == CURLM_OK, unsafe String(cString: curl_multi_strerror(code)))
    }

    private static let isLibraryReady =
        unsafe curl_global_init_mem(
            Int(CURL_GLOBAL_DEFAULT), { unsafe LibraryMemory.allocate($0) }, { unsafe LibraryMemory.free($0) },
            { unsafe realloc($0, $1) }, { unsafe $0.flatMap { unsafe strdup($0) } }, { unsafe calloc($0, $1) })
        == CURLE_OK
}
