import Glibc

/// A TCP server that does with each connection what a test says, on a thread of its own with blocking calls.
///
/// It counts what reaches it, which is what a test of a client that must not repeat itself has to know.
final class ScriptedServer: Sendable {
    let port: UInt16
    let address: String
    /// `nil` once it is closed, which its thread does: a number that was given back could be the next server's.
    private let listener: Locked<CInt?>
    private let log = Locked(Log())

    struct Log: Sendable {
        var connections = 0
        var requests: [ReceivedRequest] = []
        /// What the client sent, all connections together.
        var receivedBytes = 0
        /// What the kernel took from the script, all connections together.
        var sentBytes = 0
    }

    init(
        on address: String = "127.0.0.1", script: @escaping @Sendable (Peer) -> Void = { $0.answerEverything() }
    ) {
        self.address = address
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        port = bindAndListen(descriptor, address)
        let listener = Locked<CInt?>(descriptor)
        self.listener = listener
        startThread { [log] in
            while true {
                let connection = accept(descriptor, nil, nil)
                guard connection >= 0 else {
                    return listener.with { listener in
                        close(descriptor)
                        listener = nil
                    }
                }
                let index = log.with { log in
                    defer { log.connections += 1 }
                    return log.connections
                }
                startThread {
                    script(Peer(descriptor: connection, index: index, log: log))
                    close(connection)
                }
            }
        }
    }

    var url: String { "http://\(address):\(port)" }
    var connectionCount: Int { log.with { $0.connections } }
    var requests: [ReceivedRequest] { log.with { $0.requests } }
    var receivedBytes: Int { log.with { $0.receivedBytes } }
    var sentBytes: Int { log.with { $0.sentBytes } }

    /// Refuses connections from now on.
    func stop() {
        listener.with { listener in
            if let listener { shutdown(listener, CInt(SHUT_RDWR)) }
        }
    }

    deinit { stop() }
}

struct ReceivedRequest: Sendable, Equatable {
    var head: String
    var body: [UInt8] = []

    var line: String { String(head.prefix { $0 != "\r\n" }) }

    func field(_ name: String) -> String? {
        head.split(separator: "\r\n").first { $0.lowercased().hasPrefix(name.lowercased() + ":") }
            .map { String($0.dropFirst(name.count + 1).drop { $0 == " " }) }
    }
}

/// One client of a ``ScriptedServer``, as its script sees it.
struct Peer: Sendable {
    fileprivate let descriptor: CInt
    /// How many connections came before.
    let index: Int
    fileprivate let log: Locked<ScriptedServer.Log>

    /// The next request with its body; `nil` if the client closes instead.
    func request() -> ReceivedRequest? {
        guard var request = requestHead() else { return nil }
        let length = request.field("Content-Length").flatMap { Int($0) } ?? 0
        while request.body.count < length {
            guard let more = bytes(atMost: min(length - request.body.count, 65536)) else { return nil }
            request.body += more
        }
        log.with { $0.requests.append(request) }
        return request
    }

    /// The head of the next request, which is not counted as one.
    func requestHead() -> ReceivedRequest? {
        var head: [UInt8] = []
        while !head.suffix(4).elementsEqual([13, 10, 13, 10]) {
            guard let byte = bytes(atMost: 1) else { return nil }
            head += byte
        }
        return ReceivedRequest(head: String(decoding: head, as: UTF8.self))
    }

    /// What the client sends next; `nil` once it has closed.
    func bytes(atMost count: Int) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: count)
        let received = unsafe recv(descriptor, &buffer, count, 0)
        guard received > 0 else { return nil }
        log.with { $0.receivedBytes += received }
        return Array(buffer.prefix(received))
    }

    @discardableResult
    func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    /// Sends all of it; `false` if the client has closed.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let rest = Array(bytes[offset...].prefix(65536))
            let sent = unsafe Glibc.send(descriptor, rest, rest.count, CInt(MSG_NOSIGNAL))
            guard sent > 0 else { return false }
            offset += sent
            log.with { $0.sentBytes += sent }
        }
        return true
    }

    func answer(_ body: String = "ok", status: String = "200 OK", fields: String = "") {
        send("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)")
    }

    func answerEverything() {
        while request() != nil { answer() }
    }

    /// Returns once the client has closed.
    func waitForClose() {
        while bytes(atMost: 65536) != nil {}
    }

    /// Closes with a reset instead of an orderly end.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    }
}

/// A value that several threads use; a pthread mutex, which ThreadSanitizer understands.
@safe
final class Locked<Value>: @unchecked Sendable {
    private var value: Value
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)

    init(_ value: Value) {
        self.value = value
        unsafe pthread_mutex_init(mutex, nil)
    }

    func with<Result>(_ body: (inout Value) -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body(&value)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }
}

extension Locked<Bool> {
    /// Holds up the calling thread, which is not the loop's.
    func waitUntilTrue() {
        while !with({ $0 }) { usleep(1000) }
    }
}

private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private func startThread(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let work = unsafe Unmanaged.passRetained(Work(body)).toOpaque()
    unsafe pthread_create(
        &thread, nil,
        { work in
            unsafe Unmanaged<Work>.fromOpaque(work!).takeRetainedValue().body()
            return nil
        }, work)
    pthread_detach(thread)
}

/// Listens on a free port and answers which.
private func bindAndListen(_ listener: CInt, _ address: String) -> UInt16 {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    unsafe inet_pton(AF_INET, address, &name.sin_addr)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    unsafe withUnsafeMutablePointer(to: &name) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            precondition(unsafe bind(listener, pointer, length) == 0)
            precondition(listen(listener, 128) == 0)
            unsafe getsockname(listener, pointer, &length)
        }
    }
    return UInt16(bigEndian: name.sin_port)
}
