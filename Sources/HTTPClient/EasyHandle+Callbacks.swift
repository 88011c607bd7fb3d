import CCurl
import Glibc
import LibEvent

extension EasyHandle {
    /// Makes libcurl call a transfer, which has to live until libcurl has let go of the handle.
    ///
    /// There is no `CURLOPT_SEEKFUNCTION`: libcurl must not be able to send a body twice.
    @EventLoop
    func connect(to transfer: Transfer) throws(OptionError) {
        let this = unsafe Unmanaged.passUnretained(transfer).toOpaque()
        try unsafe setOpenSocket(to: openSocket, this)
        try unsafe setBeforeRequest(to: beforeRequest, this)
        try unsafe set(CURLOPT_READFUNCTION, to: send, CURLOPT_READDATA, this)
        try unsafe set(CURLOPT_HEADERFUNCTION, to: receiveLine, CURLOPT_HEADERDATA, this)
        try unsafe set(CURLOPT_WRITEFUNCTION, to: receive, CURLOPT_WRITEDATA, this)
    }
}

// libcurl calls these on the loop's thread, from within the calls that HTTPClient makes.

private func openSocket(
    _ this: UnsafeMutableRawPointer?, _ purpose: curlsocktype, _ address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
    guard let address = unsafe address else { return CURL_SOCKET_BAD }
    let destination = unsafe IPAddress(shim_sockaddr(address))
    guard unsafe onLoop(this, destination, orElse: false, { $0.mayConnect(to: $1) }) else { return CURL_SOCKET_BAD }
    let type = unsafe address.pointee.socktype | CInt(SOCK_CLOEXEC.rawValue)
    return unsafe socket(address.pointee.family, type, address.pointee.protocol)
}

private func beforeRequest(
    _ this: UnsafeMutableRawPointer?, _ remoteAddress: UnsafeMutablePointer<CChar>?,
    _ localAddress: UnsafeMutablePointer<CChar>?, _ remotePort: CInt, _ localPort: CInt
) -> CInt {
    let isAllowed = unsafe onLoop(this, (), orElse: false) { transfer, _ in transfer.beforeRequest() }
    return isAllowed ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}

private func send(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ this: UnsafeMutableRawPointer?
) -> Int {
    let buffer = unsafe UnsafeMutableRawBufferPointer(start: bytes, count: size * count)
    return unsafe onLoop(this, buffer, orElse: Int(CURL_READFUNC_ABORT)) {
        unsafe $0.send(into: $1) ?? Int(CURL_READFUNC_PAUSE)
    }
}

private func receiveLine(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ this: UnsafeMutableRawPointer?
) -> Int {
    let line = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
    return unsafe onLoop(this, line, orElse: 0) { unsafe $0.receive(line: $1) ? $1.count : 0 }
}

private func receive(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ this: UnsafeMutableRawPointer?
) -> Int {
    let chunk = unsafe UnsafeRawBufferPointer(start: bytes, count: size * count)
    return unsafe onLoop(this, chunk, orElse: 0) { transfer, chunk in
        guard let isTaken = unsafe transfer.receive(chunk) else { return Int(CURL_WRITEFUNC_PAUSE) }
        return isTaken ? chunk.count : 0
    }
}

/// Asks the transfer that libcurl was given, and hands it what libcurl says.
///
/// Inlined, or the question would be allocated for every line of an answer.
@inline(__always)
private func onLoop<Input, Answer>(
    _ this: UnsafeMutableRawPointer?, _ input: Input, orElse fallback: Answer,
    _ ask: @escaping @EventLoop ((Transfer, Input)) -> Answer
) -> Answer {
    guard let this = unsafe this else { return fallback }
    let transfer = unsafe Unmanaged<Transfer>.fromOpaque(this).takeUnretainedValue()
    return EventLoop.assumeIsolated((transfer, input), ask)
}

extension IPAddress {
    /// The address in a `struct sockaddr` of the internet families.
    @unsafe fileprivate init?(_ address: UnsafePointer<sockaddr>) {
        switch unsafe CInt(address.pointee.sa_family) {
        case AF_INET:
            let bits = unsafe address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                unsafe UInt32(bigEndian: $0.pointee.sin_addr.s_addr)
            }
            self.init(.v4, UInt128(bits))
        case AF_INET6:
            let bits = unsafe address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { address in
                unsafe withUnsafeBytes(of: address.pointee.sin6_addr) {
                    unsafe UInt128(bigEndian: $0.loadUnaligned(as: UInt128.self))
                }
            }
            self.init(.v6, bits)
        default:
            return nil
        }
    }
}
