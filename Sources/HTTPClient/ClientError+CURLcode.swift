import CCurl

extension ClientError.Kind {
    /// What a `CURLcode` means, by whether libcurl was still on its way to the server; total, whatever the number.
    init(curlCode: UInt32, message: String, wasConnecting: Bool, host: String, connectLimit: Duration) {
        switch CURLcode(rawValue: curlCode) {
        case CURLE_COULDNT_RESOLVE_HOST: self = .unresolvable(host: host)
        case CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY: self = .connectFailed(message)
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            self = .tlsFailed(message)
        case CURLE_OPERATION_TIMEDOUT: self = .timedOut(.connect, limit: connectLimit)
        case CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_SEND_FAIL_REWIND, CURLE_PARTIAL_FILE:
            self = wasConnecting ? .connectFailed(message) : .connectionLost(message)
        case CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING: self = .malformedResponse(message)
        // HTTP/0.9: an answer without a head.
        case CURLE_UNSUPPORTED_PROTOCOL where !wasConnecting: self = .malformedResponse(message)
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT: self = .invalidURL(message)
        default: self = .other(code: curlCode, message)
        }
    }
}
