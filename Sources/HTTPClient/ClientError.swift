/// Why there is no response, or no more of it.
package struct ClientError: Error, Sendable, Equatable, CustomStringConvertible {
    /// One word, as every function that waits and may throw it keeps room for it.
    package indirect enum Kind: Sendable, Equatable {
        case cancelled
        case invalidURL(String)
        /// A method or field that cannot be sent: not a token, a line break inside, or a field that frames the message.
        case invalidRequest(String)
        case addressRefused(host: String, address: String, purpose: String)
        case unresolvable(host: String)
        case connectFailed(String)
        case tlsFailed(String)
        case timedOut(Timeout, limit: Duration)
        case connectionLost(String)
        case bodyTooLarge(limit: Int)
        case tooManyRedirects(limit: Int)
        case redirectRefused(String)
        case malformedResponse(String)
        case requestBodyFailed(String)
        /// Anything else that libcurl may say; the code is a `CURLcode`.
        case other(code: UInt32, String)
    }

    /// The limit of ``TransferLimits`` that was exceeded.
    package enum Timeout: Sendable, Equatable {
        case connect, head, idle, total
    }

    /// Whether the server can have seen the request, and so can have acted on it and charged for it.
    package enum Reached: Sendable, Equatable {
        /// Not a byte of it was sent: it is safe to send it again, here or elsewhere.
        case no
        /// It was sent, or may have been, in part or as a whole.
        case maybe
    }

    package let kind: Kind
    package let reached: Reached
    /// The method and the URL without its query, which may hold a signature.
    package let request: String

    package init(_ kind: Kind, reached: Reached, request: String) {
        self.kind = kind
        self.reached = reached
        self.request = request
    }

    /// A sentence for whoever runs the gateway.
    package var description: String {
        let reach =
            switch reached {
            case .no: "nothing was sent"
            case .maybe: "the server may have received the request"
            }
        return "\(request): \(kind); \(reach)"
    }
}

extension ClientError.Kind: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cancelled: "cancelled"
        case .invalidURL(let reason): "the URL cannot be used: \(reason)"
        case .invalidRequest(let reason): reason
        case .addressRefused(let host, let address, let purpose):
            host == address || host == "[\(address)]"
                ? "\(host) is \(purpose), and only public addresses are allowed"
                : "\(host) has the address \(address), which is \(purpose), and only public addresses are allowed"
        case .unresolvable(let host): "the name \(host) has no address; check it and the DNS server"
        case .connectFailed(let reason): "cannot connect: \(reason)"
        case .tlsFailed(let reason): "no secure connection: \(reason)"
        case .timedOut(.connect, let limit): "no connection within \(limit)"
        case .timedOut(.head, let limit): "no answer within \(limit) of the request"
        case .timedOut(.idle, let limit): "no byte moved for \(limit)"
        case .timedOut(.total, let limit): "not finished within \(limit)"
        case .connectionLost(let reason): "the connection broke: \(reason)"
        case .bodyTooLarge(let limit): "the answer is longer than \(limit) bytes"
        case .tooManyRedirects(let limit): "more than \(limit) redirects"
        case .redirectRefused(let reason): "the redirect was not followed: \(reason)"
        case .malformedResponse(let reason): "the answer is not valid HTTP: \(reason)"
        case .requestBodyFailed(let reason): "the request's body could not be read: \(reason)"
        case .other(let code, let reason): "\(reason) (libcurl error \(code))"
        }
    }
}
