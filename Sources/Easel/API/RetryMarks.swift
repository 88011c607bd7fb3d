import HTTP

/// What a request's fields say of its being sent again.
struct RetryMarks: Sendable, Hashable {
    /// The client's own name for its request, from `Idempotency-Key`.
    var idempotencyKey: String?
    /// How often the client has sent the request before, as OpenAI's clients count in `x-stainless-retry-count`.
    var retryCount = 0

    /// Whether the request may be one that has come before.
    var mayBeRepetition: Bool { idempotencyKey != nil || retryCount > 0 }

    /// The most characters that an `Idempotency-Key` may have.
    static let keyLimit = 255

    /// - Throws: A 400 for an `Idempotency-Key` that cannot be one; a count that is none is no reason to refuse anybody.
    init(_ fields: Fields) throws(GatewayError) {
        retryCount = fields["x-stainless-retry-count"].flatMap { Int($0) }.map { max(0, $0) } ?? 0
        guard let key = fields["idempotency-key"]?.trimmingOptionalWhitespace else { return }
        guard (1...Self.keyLimit).contains(key.utf8.count), key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .invalid(
                "Idempotency-Key",
                "Invalid 'Idempotency-Key': it must be 1 to \(Self.keyLimit) visible ASCII characters, such as a UUID.")
        }
        idempotencyKey = String(key)
    }
}
