import CEvent
import Glibc

/// An IP address and a port, as text that needs no name service.
package struct SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// The numeric address: `127.0.0.1`, `::1`.
    package let host: String
    package let port: UInt16

    private var isIPv6: Bool { host.utf8.contains(UInt8(ascii: ":")) }

    /// Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`, or `:8080` for every address of the machine.
    ///
    /// - Throws: `AddressError` when the text is anything else; names other than `localhost` are not looked up.
    package init(_ text: String) throws(AddressError) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw AddressError(text: text, reason: "it ends in no port between 0 and 65535")
        }
        self.port = port
        switch text[..<colon] {
        case "": host = "::"
        case "localhost": host = "127.0.0.1"
        case let host where host.first == "[" && host.last == "]": self.host = String(host.dropFirst().dropLast())
        case let host where host.contains(":"):
            throw AddressError(text: text, reason: "an IPv6 address stands in brackets")
        case let host: self.host = String(host)
        }
        guard unsafe withSocketAddress({ _, _ in true }) == true else {
            throw AddressError(text: text, reason: "its host is no numeric address")
        }
    }

    package var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// The address as C has it, for as long as `body` runs; `nil` if the host is no numeric address.
    ///
    /// The corresponding C function is `inet_pton`.
    func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result? {
        var storage = sockaddr_storage()
        return unsafe withUnsafeMutablePointer(to: &storage) { storage -> Result? in
            let raw = UnsafeMutableRawPointer(storage)
            let length: Int
            if isIPv6 {
                let address = unsafe raw.assumingMemoryBound(to: sockaddr_in6.self)
                unsafe address.pointee.sin6_family = sa_family_t(AF_INET6)
                unsafe address.pointee.sin6_port = port.bigEndian
                guard unsafe inet_pton(AF_INET6, host, &address.pointee.sin6_addr) == 1 else { return nil }
                length = MemoryLayout<sockaddr_in6>.size
            } else {
                let address = unsafe raw.assumingMemoryBound(to: sockaddr_in.self)
                unsafe address.pointee.sin_family = sa_family_t(AF_INET)
                unsafe address.pointee.sin_port = port.bigEndian
                guard unsafe inet_pton(AF_INET, host, &address.pointee.sin_addr) == 1 else { return nil }
                length = MemoryLayout<sockaddr_in>.size
            }
            return unsafe body(raw.assumingMemoryBound(to: sockaddr.self), socklen_t(length))
        }
    }

    /// Takes over what `accept` or `getsockname` wrote; `nil` for a family other than IPv4 and IPv6.
    ///
    /// An IPv4 peer of a socket that serves both families is named by its IPv4 address.
    init?(_ address: UnsafePointer<sockaddr>) {
        let raw = unsafe UnsafeRawPointer(address)
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = unsafe CInt(address.pointee.sa_family)
        switch family {
        case AF_INET:
            var address = unsafe raw.loadUnaligned(as: sockaddr_in.self)
            port = UInt16(bigEndian: address.sin_port)
            guard unsafe inet_ntop(family, &address.sin_addr, &text, socklen_t(text.count)) != nil else { return nil }
        case AF_INET6:
            var address = unsafe raw.loadUnaligned(as: sockaddr_in6.self)
            port = UInt16(bigEndian: address.sin6_port)
            guard unsafe inet_ntop(family, &address.sin6_addr, &text, socklen_t(text.count)) != nil else { return nil }
        default: return nil
        }
        let host = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let mapped = "::ffff:"
        self.host = host.hasPrefix(mapped) && host.contains(".") ? String(host.dropFirst(mapped.count)) : host
    }
}

/// Why a text is no address to listen on.
package struct AddressError: Error, Hashable, CustomStringConvertible {
    package let text: String
    package let reason: String

    package var description: String {
        "cannot listen on '\(text)': \(reason); write 127.0.0.1:8080, [::1]:8080, or :8080 for every address"
    }
}
