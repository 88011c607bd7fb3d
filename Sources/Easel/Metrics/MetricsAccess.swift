import Crypto
import HTTP
import LibEvent

/// Who may read `/metrics`, which tells what was bought from whom and for how much.
///
/// With a token whoever has it. Without one somebody on this very machine, as far as that is certain: a proxy there would
/// speak for the whole world, and a browser there for the page that it shows.
struct MetricsAccess: Sendable {
    private let token: Secret?
    private let isBehindProxy: Bool

    /// The shortest token, in characters: half as many random bytes in hexadecimal.
    static let shortestToken = 16

    /// Fields that proxies add, or browsers.
    private static let messengers = [
        "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "origin",
    ]

    init(_ configuration: Configuration) {
        token = configuration.metricsToken
        isBehindProxy = configuration.isBehindProxy
    }

    /// - Throws: A 401 or a 403 that says what to do.
    func check(_ request: Request, from address: SocketAddress) throws(GatewayError) {
        if let token {
            guard let key = Credentials.key(in: request.fields) else { throw .metricsTokenMissing() }
            guard key.isSame(as: token) else { throw .metricsTokenWrong() }
        } else {
            guard !isBehindProxy, address.isLoopback, isLocal(request) else { throw .metricsForbidden() }
        }
    }

    private func isLocal(_ request: Request) -> Bool {
        let host = request.fields["host"].map { Authority(String($0)).isLoopback } ?? true
        return host && !Self.messengers.contains { request.fields[$0] != nil }
    }
}

extension GatewayError {
    fileprivate static func metricsForbidden() -> GatewayError {
        GatewayError(
            status: .forbidden, code: "metrics_forbidden",
            message: """
                Without a token, metrics are told only on the gateway's own machine, to a caller that goes through no \
                proxy. The gateway's owner can set 'metrics: {token: …}', and have it sent in an Authorization header: \
                'Authorization: Bearer TOKEN'.
                """)
    }

    fileprivate static func metricsTokenMissing() -> GatewayError {
        GatewayError(
            status: .unauthorized,
            message: """
                Metrics are told to whoever has the token that the gateway's owner has set as 'metrics.token'. Send it \
                in an Authorization header: 'Authorization: Bearer TOKEN'.
                """)
    }

    fileprivate static func metricsTokenWrong() -> GatewayError {
        GatewayError(
            status: .unauthorized, code: "invalid_metrics_token",
            message: "This is not the token that the gateway's owner has set as 'metrics.token'.")
    }
}

extension Secret {
    /// Compares without telling by the time it takes where they differ, or how long the other is.
    fileprivate func isSame(as other: Secret) -> Bool {
        constantTimeEquals(SHA256.digest(of: reveal()).bytes, SHA256.digest(of: other.reveal()).bytes)
    }
}

extension SocketAddress {
    fileprivate var isLoopback: Bool { Authority(description).isLoopback }
}

extension Configuration {
    /// Whether clients reach it elsewhere than it listens: then something on the way speaks for all of them.
    fileprivate var isBehindProxy: Bool {
        guard publicURL.hasPrefix("http://") else { return true }
        let address = Authority(String(publicURL.dropFirst("http://".count).prefix { $0 != "/" }))
        let listening = Authority(listen)
        return (address.port ?? "80") != listening.port || listening.isLoopback && !address.isLoopback
    }
}

/// A host and a port, as in a URL.
private struct Authority {
    var host: Substring
    var port: Substring?

    init(_ text: String) {
        host = text[...]
        if let colon = text.lastIndex(of: ":"), text[colon...].dropFirst().allSatisfy(\.isWholeNumber) {
            host = text[..<colon]
            port = text[colon...].dropFirst()
        }
    }

    /// By its name or number (RFC 6761, section 6.3, and RFC 6890); a number that is not written whole is a name.
    var isLoopback: Bool {
        let numbers = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return host.equalsIgnoringASCIICase("localhost") || host == "[::1]"
            || numbers.count == 4 && numbers.first == 127 && !numbers.contains(nil)
    }
}
