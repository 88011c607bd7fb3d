import CEvent
import Glibc

/// Owns the descriptor of a TCP socket that never blocks.
package struct Socket: ~Copyable {
    let descriptor: CInt

    init(descriptor: CInt) { self.descriptor = descriptor }

    /// Opens a socket that listens on an address.
    ///
    /// `::` serves IPv4 as well, and stands for `0.0.0.0` on a machine without IPv6.
    /// The corresponding C functions are `socket`, `setsockopt` and `bind`.
    init(boundTo address: SocketAddress) throws(ListenerError) {
        let descriptor = unsafe address.withSocketAddress { pointer, length in
            let kind = CInt(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
            let descriptor = unsafe Glibc.socket(CInt(pointer.pointee.sa_family), kind, 0)
            guard descriptor >= 0 else { return -errno }
            let socket = Socket(descriptor: descriptor)
            // A restarted server gets its port back while old connections are still in TIME_WAIT.
            guard socket.set(SO_REUSEADDR, of: SOL_SOCKET, to: 1) else { return -errno }
            if unsafe CInt(pointer.pointee.sa_family) == AF_INET6 {
                guard socket.set(IPV6_V6ONLY, of: CInt(IPPROTO_IPV6), to: 0) else { return -errno }
            }
            guard unsafe bind(descriptor, pointer, length) == 0 else { return -errno }
            return socket.release()
        }
        guard let descriptor else { throw ListenerError(address: address, operation: "listen", code: EINVAL) }
        if descriptor == -EAFNOSUPPORT && address.host == "::",
            let everywhere = try? SocketAddress("0.0.0.0:\(address.port)")
        {
            self = try Socket(boundTo: everywhere)
        } else if descriptor < 0 {
            throw ListenerError(address: address, operation: "listen", code: -descriptor)
        } else {
            self.descriptor = descriptor
        }
    }

    /// The address that the socket is bound to, with the port that the kernel chose.
    var localAddress: SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutablePointer(to: &storage) { storage in
            let address = unsafe UnsafeMutableRawPointer(storage).assumingMemoryBound(to: sockaddr.self)
            guard unsafe getsockname(descriptor, address, &length) == 0 else { return nil }
            return unsafe SocketAddress(address)
        }
    }

    /// Sets a whole-number option.
    ///
    /// The corresponding C function is `setsockopt`.
    @discardableResult
    func set(_ option: CInt, of level: CInt, to value: CInt) -> Bool {
        var value = value
        return unsafe setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<CInt>.size)) == 0
    }

    /// Gives the descriptor to an owner that closes it.
    consuming func release() -> CInt {
        let descriptor = descriptor
        discard self
        return descriptor
    }

    deinit { Glibc.close(descriptor) }
}
