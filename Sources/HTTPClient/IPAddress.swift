import CCurl
import Glibc

/// An IPv4 or IPv6 address as a number.
package struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    package enum Family: Sendable, Hashable {
        case v4, v6

        /// How many bits an address of this family has.
        var width: Int { self == .v4 ? 32 : 128 }
    }

    package let family: Family
    /// The address, most significant bit first; an IPv4 address is in the low 32 bits.
    package let bits: UInt128

    init(_ family: Family, _ bits: UInt128) {
        self.family = family
        self.bits = bits
    }

    /// Reads `192.0.2.1` or `2001:db8::1`; no zone, no brackets, none of the old forms such as `0x7f.1`.
    ///
    /// The corresponding C function is `inet_pton`.
    package init?(_ text: String) {
        guard !text.utf8.contains(0) else { return nil }
        var octets = [UInt8](repeating: 0, count: 16)
        if unsafe inet_pton(AF_INET, text, &octets) == 1 {
            self.init(.v4, octets.prefix(4).reduce(0) { $0 << 8 | UInt128($1) })
        } else if unsafe inet_pton(AF_INET6, text, &octets) == 1 {
            self.init(.v6, octets.reduce(0) { $0 << 8 | UInt128($1) })
        } else {
            return nil
        }
    }

    /// The IPv4 address that a packet sent here ends up at, if this is such an IPv6 address.
    ///
    /// The two forms that lead somewhere: IPv4-mapped addresses (RFC 4291, section 2.5.5.2), which the kernel sends
    /// over IPv4, and NAT64 (RFC 6052, section 2.1), by which hosts without IPv4 reach it.
    var embeddedIPv4: IPAddress? {
        guard AddressRange.mapped.contains(self) || AddressRange.nat64.contains(self) else { return nil }
        return IPAddress(.v4, bits & 0xFFFF_FFFF)
    }

    /// The usual notation (RFC 5952).
    package var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        var octets = unsafe withUnsafeBytes(of: bits.bigEndian) { unsafe Array($0) }
        if family == .v4 { octets.removeFirst(12) }
        unsafe inet_ntop(family == .v4 ? AF_INET : AF_INET6, octets, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// The addresses that begin with the same bits, such as `10.0.0.0/8` (RFC 4632, section 3.1).
package struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    let base: IPAddress
    let prefixLength: Int

    /// Reads `10.0.0.0/8`, `fd00::/8`, or one address; bits behind the prefix do not matter.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let base = parts.first.flatMap({ IPAddress(String($0)) }) else { return nil }
        self.base = base
        guard parts.count == 2 else {
            prefixLength = base.family.width
            return
        }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let length = Int(parts[1]),
            length <= base.family.width
        else { return nil }
        prefixLength = length
    }

    init(v4 first: UInt8, _ second: UInt8 = 0, _ third: UInt8 = 0, prefix: Int) {
        base = IPAddress(.v4, UInt128(first) << 24 | UInt128(second) << 16 | UInt128(third) << 8)
        prefixLength = prefix
    }

    init(v6 bits: UInt128, prefix: Int) {
        base = IPAddress(.v6, bits)
        prefixLength = prefix
    }

    package func contains(_ address: IPAddress) -> Bool {
        address.family == base.family && (address.bits ^ base.bits) >> (base.family.width - prefixLength) == 0
    }

    package var description: String { "\(base)/\(prefixLength)" }

    static let mapped = AddressRange(v6: 0xFFFF_0000_0000, prefix: 96)
    static let nat64 = AddressRange(v6: 0x0064_FF9B << 96, prefix: 96)
    /// Where every public IPv6 address is (RFC 4291, section 2.4).
    static let globalUnicast = AddressRange(v6: 0x2000 << 112, prefix: 3)
}
