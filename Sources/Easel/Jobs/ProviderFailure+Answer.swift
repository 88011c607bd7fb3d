import HTTP
import JSON

extension ProviderFailure {
    /// For the ledger.
    var json: JSONValue {
        var object: JSONObject = ["kind": .string(self.kind.rawValue), "message": .string(self.message)]
        object["code"] = self.code.map(JSONValue.string)
        object["bought_nothing"] = .bool(self.boughtNothing)
        return .object(object)
    }
}

extension GatewayError {
    /// What the client is told of a provider's failure: its status, type and code, by kind.
    init(_ failure: ProviderFailure, provider: String) {
        let words = failure.isGateways ? failure.message : "The provider '\(provider)' says: \(failure.message)"
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
        self.upstreamRequestID = failure.requestID
        // SDKs repeat a 5xx by themselves, which could buy the image a second time.
        if !failure.boughtNothing { self.shouldRetry = false }
    }

    /// An order that no route of its model can take.
    init(_ refusal: OrderRefusal?, model: String) {
        self.init(
            status: .badRequest, code: refusal?.reason == .strict ? "unsupported_parameter" : "invalid_value",
            parameter: refusal?.parameter,
            message: refusal?.message ?? "The model '\(model)' has no route that can take this request.")
    }

    /// Every provider of a model is left alone for now.
    static func providersPaused(model: String, for pause: Duration) -> GatewayError {
        GatewayError(
            status: .serviceUnavailable, type: .server, code: "upstream_unavailable",
            message: """
                Every provider of the model '\(model)' is left alone for now, because it failed repeatedly or asked for \
                a pause. Nothing was bought; try again later.
                """, retryAfter: pause)
    }
}
