import JSON

/// What a provider's answer means.
enum Outcome: Sendable, Hashable {
    case images(ResultImages)
    /// The provider took the order and works on it; write the task down before the first poll.
    case queued(UpstreamTask)
    case failed(ProviderFailure)
}

/// The images of one answer, in the provider's order.
struct ResultImages: Sendable, Hashable {
    var images: [ResultImage]
    /// What the provider says about images it could not make; never empty images in ``images``.
    var failures: [ProviderFailure] = []
    /// The provider's own id of the request.
    var requestID: String?
    /// The seed the provider used, when it tells one for the whole answer.
    var seed: Int64?
    /// The provider's usage object as it came, `null` in place of strings that went to files.
    var usage: JSONValue?
}

/// One image of an answer.
struct ResultImage: Sendable, Hashable {
    enum Payload: Sendable, Hashable {
        /// An address to download from, verbatim; possibly relative to the provider's base URL.
        case url(String)
        /// Base64 text, possibly with a `data:` prefix.
        case base64(String)
        /// Base64 that the engine decoded to disk while parsing; its number.
        case external(Int)
        /// The answer's body is the image.
        case body
    }

    /// Bytes that are here already come before an address, which may expire.
    var payload: Payload
    /// The address of the same image, should the payload turn out unusable.
    var alternative: Payload?
    var revisedPrompt: String?
    var seed: Int64?
}

/// A job in a provider's queue: all that is needed to follow it, also after a restart.
struct UpstreamTask: Sendable, Hashable {
    var id: String
    /// Addresses from the provider's answer, verbatim; used only on the provider's own hosts.
    var statusURL: String?
    var resultURL: String?
    var cancelURL: String?
}

/// What an answer says about a job in a provider's queue.
enum Progress: Sendable, Hashable {
    /// Ask again, after the time the provider named or the dialect's own.
    case waiting(after: Duration?)
    /// The result can be fetched with ``Dialect/resultRequest(for:at:)``.
    case finished
    /// The end, `queued` excepted: images or a failure.
    case outcome(Outcome)
    /// The provider says that the job was cancelled.
    case cancelled(ProviderFailure)
    /// This poll failed and says nothing about the job; polls are free to repeat.
    case unavailable(ProviderFailure)
}

/// What an answer to a cancellation means; the job's own end still comes from polling.
enum Cancellation: Sendable, Hashable {
    case requested
    case alreadyFinished
    case refused(ProviderFailure)
}

/// Why a provider did not make what was asked for.
@dynamicMemberLookup
struct ProviderFailure: Error, Sendable, Hashable {
    private var content: Boxed<Content>

    struct Content: Sendable, Hashable {
        var kind: FailureKind
        /// The provider's own words, shortened; a sentence of ours when it said nothing.
        var message: String
        /// The provider's own code.
        var code: String?
        /// The parameter the provider blames, by its own name for it.
        var parameter: String?
        /// The provider's own id of the request.
        var requestID: String?
        /// The answer's status.
        var status: Int
        var retryAfter: Duration?
        /// Whether this answer proves that nothing was made or charged, so that the order may be placed again.
        var boughtNothing: Bool
        /// Whether the order was begun and then stopped by request, the gateway's or somebody else's.
        var isCancellation = false
    }

    init(
        kind: FailureKind, message: String, code: String? = nil, parameter: String? = nil, requestID: String? = nil,
        status: Int, retryAfter: Duration? = nil, boughtNothing: Bool
    ) {
        content = .value(
            Content(
                kind: kind, message: message, code: code, parameter: parameter, requestID: requestID, status: status,
                retryAfter: retryAfter, boughtNothing: boughtNothing))
    }

    subscript<Value>(dynamicMember member: WritableKeyPath<Content, Value>) -> Value {
        get { content.value[keyPath: member] }
        set { content.value[keyPath: member] = newValue }
    }
}

/// What a provider's failure means for the gateway; the client's status follows from it.
enum FailureKind: String, Sendable, Hashable, CaseIterable {
    /// The order is at fault.
    case badRequest = "bad_request"
    /// The provider could not download an input image.
    case inputUnreachable = "input_unreachable"
    /// The prompt or the image is not allowed there. Never tried again anywhere.
    case contentPolicy = "content_policy"
    /// The gateway's key is not accepted; the caller's is fine.
    case authentication
    /// The gateway's account there is empty or suspended.
    case billing
    case rateLimit = "rate_limit"
    /// The provider cannot take the order now.
    case overload
    /// The provider gave up waiting for itself; the work may have been done and charged.
    case timeout
    /// The answer makes no sense: success without an image, HTML, half a JSON text.
    case malformed
    /// The provider failed and does not blame the order.
    case providerError = "provider_error"
}

extension UpstreamTask {
    /// As the ledger keeps it.
    var json: JSONValue {
        var object = JSONObject()
        object["id"] = .string(id)
        object["status_url"] = statusURL.map(JSONValue.string)
        object["result_url"] = resultURL.map(JSONValue.string)
        object["cancel_url"] = cancelURL.map(JSONValue.string)
        return .object(object)
    }

    /// Reads what ``json`` wrote; `nil` for anything else.
    init?(_ json: JSONValue) {
        guard let id = json["id"]?.string else { return nil }
        self.init(
            id: id, statusURL: json["status_url"]?.string, resultURL: json["result_url"]?.string,
            cancelURL: json["cancel_url"]?.string)
    }
}
