import HTTPClient

/// From where the host of a URL can be reached, as far as its name tells.
enum Reach: Sendable, Hashable {
    /// From this machine or its own network.
    case local
    /// From anywhere, unless a firewall objects.
    case anywhere

    init(of url: String) {
        let host = Self.host(of: url)
        if let address = IPAddress(host) {
            self = Self.localRanges.contains { $0.contains(address) } ? .local : .anywhere
        } else {
            // A name without a dot is one of a local resolver, such as a container's.
            let isLocal = !host.contains(".") || Self.localSuffixes.contains(where: host.hasSuffix)
            self = isLocal ? .local : .anywhere
        }
    }

    /// The host in lower case: without brackets, port, user or the dot at the end.
    private static func host(of url: String) -> String {
        let start = url.firstRange(of: "://")?.upperBound ?? url.startIndex
        let authority = url[start...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        if host.first == "[" { return host.dropFirst().prefix { $0 != "]" }.lowercased() }
        let name = host.prefix { $0 != ":" }
        return (name.last == "." ? name.dropLast() : name).lowercased()
    }

    /// Loopback, private, shared and link-local addresses (RFC 6890, RFC 4193).
    private static let localRanges = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "::/127", "fc00::/7", "fe80::/10",
    ].compactMap { AddressRange($0) }

    /// Names that no public resolver knows (RFC 6761, RFC 6762, RFC 8375, ICANN's `internal`) and their common like.
    private static let localSuffixes = [".localhost", ".local", ".internal", ".home.arpa", ".lan", ".localdomain"]
}
