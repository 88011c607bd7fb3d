/// Which addresses a client may connect to.
///
/// It is asked about the resolved address of every connection, just before it is opened, so neither a redirect nor a
/// name that changes its address gets around it.
package enum AddressPolicy: Sendable, Hashable {
    /// Every address: for URLs that the owner wrote.
    case any
    /// Public addresses and the ranges of the exceptions: for URLs that came from outside.
    case publicOnly(except: [AddressRange])

    /// What an address is that may not be connected to, such as "loopback"; `nil` for one that may.
    package func refusal(of address: IPAddress) -> String? {
        guard case .publicOnly(let exceptions) = self else { return nil }
        let destination = address.embeddedIPv4 ?? address
        guard !exceptions.contains(where: { $0.contains(address) || $0.contains(destination) }) else { return nil }
        return destination.reservation
    }
}

extension IPAddress {
    /// What the address is set aside for; `nil` if it is a public address of one machine.
    ///
    /// The sources are the IANA Special-Purpose Address Registries (RFC 6890). Of IPv6 everything outside the one range
    /// in use is refused, and so are the addresses that only wrap an IPv4 address for a retired tunnel.
    var reservation: String? {
        switch family {
        case .v4: return Self.reservedIPv4.first { $0.range.contains(self) }?.purpose
        case .v6:
            if let known = Self.reservedIPv6.first(where: { $0.range.contains(self) }) { return known.purpose }
            guard AddressRange.globalUnicast.contains(self) else { return "not a public address" }
            // RFC 5214, section 6.1: the interface identifier of an ISATAP tunnel, under any prefix.
            let identifier = UInt32(truncatingIfNeeded: bits >> 32)
            return identifier & ~0x0200_0000 == 0x5EFE ? "an ISATAP tunnel" : nil
        }
    }

    private static let reservedIPv4: [(range: AddressRange, purpose: String)] = [
        (AddressRange(v4: 0, prefix: 8), "this network"),
        (AddressRange(v4: 10, prefix: 8), "a private network"),
        (AddressRange(v4: 100, 64, prefix: 10), "shared by a carrier"),
        (AddressRange(v4: 127, prefix: 8), "loopback"),
        (AddressRange(v4: 169, 254, prefix: 16), "link-local"),
        (AddressRange(v4: 172, 16, prefix: 12), "a private network"),
        (AddressRange(v4: 192, 0, 0, prefix: 24), "for protocol assignments"),
        (AddressRange(v4: 192, 0, 2, prefix: 24), "for documentation"),
        (AddressRange(v4: 192, 88, 99, prefix: 24), "a 6to4 relay"),
        (AddressRange(v4: 192, 168, prefix: 16), "a private network"),
        (AddressRange(v4: 198, 18, prefix: 15), "for benchmarks"),
        (AddressRange(v4: 198, 51, 100, prefix: 24), "for documentation"),
        (AddressRange(v4: 203, 0, 113, prefix: 24), "for documentation"),
        (AddressRange(v4: 224, prefix: 4), "multicast"),
        (AddressRange(v4: 240, prefix: 4), "reserved or broadcast"),
    ]

    private static let reservedIPv6: [(range: AddressRange, purpose: String)] = [
        (AddressRange(v6: 0, prefix: 128), "unspecified"),
        (AddressRange(v6: 1, prefix: 128), "loopback"),
        (AddressRange(v6: 0xFC00 << 112, prefix: 7), "a private network"),
        (AddressRange(v6: 0xFE80 << 112, prefix: 10), "link-local"),
        (AddressRange(v6: 0xFF00 << 112, prefix: 8), "multicast"),
        (AddressRange(v6: 0x2001 << 112, prefix: 32), "a Teredo tunnel"),
        (AddressRange(v6: 0x2001 << 112, prefix: 23), "for protocol assignments"),
        (AddressRange(v6: 0x2001_0DB8 << 96, prefix: 32), "for documentation"),
        (AddressRange(v6: 0x2002 << 112, prefix: 16), "a 6to4 tunnel"),
        (AddressRange(v6: 0x3FFF << 112, prefix: 20), "for documentation"),
    ]
}
