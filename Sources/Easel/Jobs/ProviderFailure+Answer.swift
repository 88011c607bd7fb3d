import HTTP
import JSON

extension ProviderFailure {
    /// Whether the next route may be tried: only when nothing was bought, and when another provider could do better.
    ///
    /// A refusal for its content never moves on, and neither does an order that is wrong in itself.
    var mayMoveOn: Bool {
        switch kind {
        case .authentication, .billing, .rateLimit, .overload, .providerError: boughtNothing
        case .badRequest, .inputUnreachable, .contentPolicy, .timeout, .malformed: false
        }
    }

    /// For the ledger.
    var json: JSONValue {
        var object: JSONObject = ["kind": .string(kind.rawValue), "message": .string(message)]
        object["code"] = code.map(JSONValue.string)
        object["bought_nothing"] = .bool(boughtNothing)
        return .object(object)
    }
}

extension GatewayError {
    /// What the client is told of a provider's failure (providers' table: status, type and code by kind).
    init(_ failure: ProviderFailure, provider: String) {
        let words = "The provider '\(provider)' says: \(failure.message)"
        switch failure.kind {
        case .badRequest:
            self.init(status: .badRequest, code: failure.code, parameter: failure.parameter, message: words)
        case .inputUnreachable:
            self.init(status: .badRequest, code: "invalid_image_url", parameter: "image", message: words)
        case .contentPolicy:
            // Clients tell it from other refusals by OpenAI's code, Pydantic AI for one, or by its wording, as LiteLLM.
            self.init(
                status: .badRequest, type: .imageGenerationUser, code: "moderation_blocked",
                message: """
                    The request was rejected as a result of the safety system of the provider '\(provider)', which says: \
                    \(failure.message)
                    """)
        case .authentication:
            // The caller's key is fine; ours is not.
            self.init(
                status: .badGateway, type: .upstream, code: "upstream_auth_failed",
                message: "The provider '\(provider)' refused the gateway's key. The gateway's owner must renew it.")
        case .billing:
            self.init(
                status: .badGateway, type: .upstream, code: "upstream_quota",
                message: "The gateway's account at the provider '\(provider)' is out of credit or suspended.")
        case .rateLimit:
            self.init(
                status: .tooManyRequests, type: .rateLimit, code: "rate_limit_exceeded", message: words,
                retryAfter: failure.retryAfter ?? .seconds(2))
        case .overload:
            self.init(
                status: .serviceUnavailable, type: .server, code: "upstream_unavailable", message: words,
                retryAfter: failure.retryAfter ?? .seconds(5))
        case .timeout:
            self.init(status: .gatewayTimeout, type: .server, code: "upstream_timeout", message: words)
        case .malformed:
            self.init(status: .badGateway, type: .server, code: "bad_upstream_response", message: words)
        case .providerError:
            self.init(status: .badGateway, type: .upstream, code: failure.code ?? "upstream_error", message: words)
        }
        upstreamRequestID = failure.requestID
        // SDKs repeat a 5xx by themselves, which could buy the image a second time.
        if !failure.boughtNothing { shouldRetry = false }
    }

    /// An order that no route of its model can take.
    init(_ refusal: OrderRefusal?, model: String) {
        self.init(
            status: .badRequest, code: refusal?.reason == .strict ? "unsupported_parameter" : "invalid_value",
            parameter: refusal?.parameter,
            message: refusal?.message ?? "The model '\(model)' has no route that can take this request.")
    }
}
