import HTTP

// What clients are told whose key does not allow any more; the wording is what they know from OpenAI.
extension GatewayError {
    /// The key's budget does not pay for the request: waiting helps only where a period ends.
    static func budgetExceeded(_ excess: BudgetExceeded, currency: String, at now: Timestamp) -> GatewayError {
        let period = excess.period == .total ? "in total" : "a \(excess.period.rawValue)"
        let end = excess.resetsAt.map { " The next \(excess.period.rawValue) begins at \($0)." } ?? ""
        return GatewayError(
            status: .tooManyRequests, type: .insufficientQuota, code: "insufficient_quota",
            message: """
                You exceeded your current quota: this key may spend \(excess.budget) \(currency) \(period), of which \
                \(excess.used) is spent or reserved by running jobs, and this request can cost \(excess.wanted).\(end)
                """, retryAfter: excess.resetsAt.map { $0 - now }, shouldRetry: false)
    }

    /// The key has used up what it may have in a minute, or at once; `pause` is how long until there is enough again,
    /// and `nil` when there never is.
    static func rateLimited(
        _ what: String, _ type: ErrorType, _ limit: Int, used: Int, asked: Int, pause: Duration?
    ) -> GatewayError {
        let advice =
            pause.map { "Please try again in \(KeyUse.text(of: $0))." }
            ?? "No request of this key may ask for so many."
        return GatewayError(
            status: .tooManyRequests, type: type, code: "rate_limit_exceeded",
            message: """
                Rate limit reached for this key on \(what): Limit \(limit), Used \(used), Requested \(asked). \(advice)
                """, retryAfter: pause, shouldRetry: pause == nil ? false : nil)
    }

    /// All keys together hold as much of something as the gateway takes.
    static func full(_ what: String, setting: String) -> GatewayError {
        GatewayError(
            status: .serviceUnavailable, type: .server, code: "server_is_overloaded",
            message: """
                The gateway has as many \(what) as it takes; nothing was bought. Please try again in a moment. The \
                gateway's owner can raise '\(setting)'.
                """, retryAfter: .seconds(1))
    }

    /// No route has a price, and the key may not use one without.
    static func unknownPrice(model: String) -> GatewayError {
        GatewayError(
            status: .forbidden, code: "price_unknown", parameter: "model",
            message: """
                What this request costs with '\(model.shortened(to: 100))' is not known, and this key may only spend what \
                is. The gateway's owner can set 'price' for a route of the model, or allow the key unknown prices.
                """, shouldRetry: false)
    }
}
