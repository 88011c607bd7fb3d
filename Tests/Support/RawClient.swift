import Glibc
package import LibEvent

/// A TCP client that sends exactly the bytes it is told to, and waits for answers off the loop's thread.
package final class RawClient: Sendable {
    private let descriptor: CInt

    /// Connects to a server on this machine.
    package init(to address: SocketAddress) throws {
        let isIPv6 = address.host.contains(":")
        descriptor = socket(isIPv6 ? AF_INET6 : AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw RawClientError(code: errno) }
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, size)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, size)
        guard (isIPv6 ? connect6(address.port) : connect4(address.port)) == 0 else {
            throw RawClientError(code: errno)
        }
    }

    deinit { Glibc.close(descriptor) }

    /// Makes the kernel's buffer for received bytes small, so that a slow reader is soon felt by the server.
    package func shrinkReceiveBuffer() {
        var size: CInt = 4096
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
    }

    package func send(_ text: String) async { await send(Array(text.utf8)) }

    /// Sends all bytes, or as many as the server takes before it closes; how many is returned.
    @discardableResult
    package func send(_ bytes: [UInt8]) async -> Int {
        await blocking { [descriptor] in
            var sent = 0
            while sent < bytes.count {
                let count = unsafe bytes.withUnsafeBytes { bytes in
                    unsafe Glibc.send(
                        descriptor, bytes.baseAddress?.advanced(by: sent), bytes.count - sent, CInt(MSG_NOSIGNAL))
                }
                guard count > 0 else { break }
                sent += count
            }
            return sent
        }
    }

    /// What the server sends until it closes, the connection breaks, or nothing has come for ten seconds.
    package func receiveAll() async -> String { await receive(until: [UInt8]?.none) }

    /// What the server sends until a text has come.
    package func receive(until end: String) async -> String { await receive(until: Array(end.utf8)) }

    private func receive(until end: [UInt8]?) async -> String {
        await blocking { [descriptor] in
            var received: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 64 << 10)
            while true {
                let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
                guard count > 0 else { break }
                received += buffer[..<count]
                if let end, received.suffix(end.count) == end[...] { break }
            }
            return String(decoding: received, as: UTF8.self)
        }
    }

    /// Receives once, and says whether the connection had ended by then; `nil` if it broke.
    package func isClosed() async -> Bool? {
        await blocking { [descriptor] in
            var byte: UInt8 = 0
            let count = unsafe recv(descriptor, &byte, 1, 0)
            return count < 0 ? nil : count == 0
        }
    }

    /// Closes the sending side only.
    package func endOutput() { shutdown(descriptor, CInt(SHUT_WR)) }

    /// Leaves as a program does that is killed: whoever still sends gets an error.
    package func reset() {
        var now = linger(l_onoff: 1, l_linger: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
        // The descriptor stays this object's, but no longer names the connection.
        let other = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        dup2(other, descriptor)
        Glibc.close(other)
    }

    /// Sends a few bytes and leaves with them, before a server on the same thread can look.
    package func sendAndReset(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe bytes.withUnsafeBytes { bytes in
            unsafe Glibc.send(descriptor, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
        }
        reset()
    }

    private func connect4(_ port: UInt16) -> CInt {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return unsafe withUnsafeBytes(of: &address) { bytes in
            guard let pointer = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return -1 }
            return unsafe connect(descriptor, pointer, socklen_t(bytes.count))
        }
    }

    private func connect6(_ port: UInt16) -> CInt {
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        address.sin6_addr = in6addr_loopback
        return unsafe withUnsafeBytes(of: &address) { bytes in
            guard let pointer = unsafe bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self) else { return -1 }
            return unsafe connect(descriptor, pointer, socklen_t(bytes.count))
        }
    }
}

package struct RawClientError: Error {
    package let code: CInt
}
