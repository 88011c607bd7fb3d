import HTTP
import JSON

/// Every failure a client can see: its status and what its JSON body says.
///
/// The shape is OpenAI's, whose SDKs read `message`, `type`, `param` and `code`; all four are always present.
@dynamicMemberLookup
struct GatewayError: Error, Sendable, Hashable {
    private var content: Boxed<Content>

    struct Content: Sendable, Hashable {
        var status: Status
        var type = ErrorType.invalidRequest
        var code: String?
        /// The parameter at fault, under the client's name for it.
        var parameter: String?
        var message: String
        /// How long the client should wait before it tries again.
        var retryAfter: Duration?
        /// Told to SDKs, which repeat requests by themselves: `false` where that could buy an image twice.
        var shouldRetry: Bool?
        /// Where the rest of the story will be.
        var location: String?
        /// The methods that would have been right, of a 405.
        var allowedMethods: [Method] = []
        /// The provider's own request id, where it told one.
        var upstreamRequestID: String?
    }

    init(
        status: Status, type: ErrorType = .invalidRequest, code: String? = nil, parameter: String? = nil,
        message: String, retryAfter: Duration? = nil, shouldRetry: Bool? = nil, location: String? = nil,
        allowedMethods: [Method] = []
    ) {
        content = .value(
            Content(
                status: status, type: type, code: code, parameter: parameter, message: message, retryAfter: retryAfter,
                shouldRetry: shouldRetry, location: location, allowedMethods: allowedMethods))
    }

    subscript<Value>(dynamicMember member: WritableKeyPath<Content, Value>) -> Value {
        get { content.value[keyPath: member] }
        set { content.value[keyPath: member] = newValue }
    }

    enum ErrorType: String, Sendable, Hashable {
        case invalidRequest = "invalid_request_error"
        case imageGenerationUser = "image_generation_user_error"
        case rateLimit = "rate_limit_error"
        /// A key's own limits, by what they bound, as OpenAI calls them.
        case requests, images
        case insufficientQuota = "insufficient_quota"
        case upstream = "upstream_error"
        case server = "server_error"
    }

    /// The object under `error`, also of a job that failed.
    var json: JSONValue {
        [
            "message": .string(self.message),
            "type": .string(self.type.rawValue),
            "param": self.parameter.map(JSONValue.string) ?? .null,
            "code": self.code.map(JSONValue.string) ?? .null,
        ]
    }
}

// What clients do wrong. Wording follows OpenAI's where clients are known to read it.
extension GatewayError {
    static func missingKey() -> GatewayError {
        GatewayError(
            status: .unauthorized,
            message: """
                You didn't provide an API key. Send it in an Authorization header: 'Authorization: Bearer YOUR_KEY'. \
                The gateway's owner makes one with 'easel keys create --name NAME'.
                """)
    }

    static func wrongKey(_ hint: String) -> GatewayError {
        GatewayError(
            status: .unauthorized, code: "invalid_api_key",
            message: "Incorrect API key provided: \(hint). It is unknown here, or was revoked.")
    }

    static func expiredKey(_ hint: String, _ end: Timestamp) -> GatewayError {
        GatewayError(
            status: .unauthorized, code: "invalid_api_key",
            message: "Incorrect API key provided: \(hint). It expired at \(end); the gateway's owner can make another.")
    }

    static func unknownPath(_ method: Method, _ path: String) -> GatewayError {
        GatewayError(
            status: .notFound, code: "unknown_url",
            message: """
                Invalid URL (\(method.rawValue) \(path.shortened(to: 200))). Images are made at /v1/images/generations and \
                /v1/images/edits; /v1/models lists the models.
                """)
    }

    static func wrongMethod(_ method: Method, _ path: String, allowed: [Method]) -> GatewayError {
        GatewayError(
            status: .methodNotAllowed, code: "method_not_supported",
            message: """
                Not allowed to \(method.rawValue) on \(path.shortened(to: 200)). \
                Use \(allowed.map(\.rawValue).joined(separator: " or ")).
                """, allowedMethods: allowed)
    }

    static func unknownModel(_ model: String, suggestion: String?) -> GatewayError {
        let hint = suggestion.map { " Did you mean '\($0)'?" } ?? ""
        return GatewayError(
            status: .notFound, code: "model_not_found", parameter: "model",
            message: "The model '\(model.shortened(to: 100))' does not exist or you do not have access to it.\(hint)")
    }

    static func invalid(
        _ parameter: String?, _ message: String, code: String = "invalid_value"
    ) -> GatewayError {
        GatewayError(status: .badRequest, code: code, parameter: parameter, message: message)
    }

    static func missing(_ parameter: String) -> GatewayError {
        invalid(parameter, "Missing required parameter: '\(parameter)'.", code: "missing_required_parameter")
    }

    static func unknownJob(_ id: String) -> GatewayError {
        GatewayError(
            status: .notFound, code: "job_not_found", parameter: "id",
            message: "There is no job '\(id.shortened(to: 60))' of this key.")
    }

    static func idempotencyKeyReused(_ key: String) -> GatewayError {
        GatewayError(
            status: .unprocessableContent, code: "idempotency_key_reused", parameter: "Idempotency-Key",
            message: """
                The Idempotency-Key '\(key.shortened(to: 60))' was used for another request. Use a new key for each \
                request, and the same key only to send the very same request again.
                """)
    }

    static func malformedBody(_ reason: String) -> GatewayError {
        GatewayError(
            status: .badRequest, message: "We could not parse the body of your request: \(reason).")
    }

    static func tooLarge(_ what: String, limit: String, setting: String) -> GatewayError {
        GatewayError(
            status: .contentTooLarge, code: "request_too_large",
            message: "\(what) is over the limit of \(limit). The gateway's owner can raise '\(setting)'.")
    }

    static func unsupportedMediaType(_ message: String) -> GatewayError {
        GatewayError(status: .unsupportedMediaType, code: "unsupported_media_type", message: message)
    }

    static func invalidImage(_ parameter: String, _ message: String) -> GatewayError {
        GatewayError(
            status: .badRequest, type: .imageGenerationUser, code: "invalid_image_file", parameter: parameter,
            message: message)
    }
}

// What goes wrong on our side of the conversation.
extension GatewayError {
    static func clientLeft() -> GatewayError {
        GatewayError(status: Status(rawValue: 499), code: "client_left", message: "The client closed the connection.")
    }

    static func requestTimeout() -> GatewayError {
        GatewayError(
            status: .requestTimeout, code: "request_timeout",
            message: "The request's body stopped arriving before it was complete.")
    }

    static func stopping() -> GatewayError {
        GatewayError(
            status: .serviceUnavailable, type: .server, code: "shutting_down",
            message: "The gateway is shutting down; nothing was bought. Try again in a moment.",
            retryAfter: .seconds(2))
    }

    /// The gateway stops while a job is under way that the ledger has.
    static func parked(_ jobID: String) -> GatewayError {
        GatewayError(
            status: .serviceUnavailable, type: .server, code: "shutting_down",
            message: """
                The gateway is shutting down. The job is kept, and what becomes of it can be asked when the gateway is \
                back: GET /v1/images/jobs/\(jobID). The same request again could buy the image twice.
                """, retryAfter: .seconds(10), shouldRetry: false, location: "/v1/images/jobs/\(jobID)")
    }

    /// The disk has less room left than the owner wants to have before anything is bought.
    static func noRoom() -> GatewayError {
        GatewayError(
            status: .insufficientStorage, type: .server, code: "insufficient_storage",
            message: """
                The gateway's disk has no room for more images, so nothing was bought. Try again later; the gateway's \
                owner has to make room, or lower 'results.min_free'.
                """, retryAfter: .seconds(30))
    }

    /// Somebody has deleted or moved what the gateway keeps everything in.
    static func noDataFolder() -> GatewayError {
        GatewayError(
            status: .insufficientStorage, type: .server, code: "insufficient_storage",
            message: """
                The gateway's data folder is not where it was, so nothing was bought. The gateway's owner has to stop the \
                gateway, put the folder back and start it again.
                """, retryAfter: .seconds(30))
    }

    /// Somebody asked for the job to stop, and it did.
    static func cancelled(boughtNothing: Bool = true) -> GatewayError {
        GatewayError(
            status: .conflict, code: "job_cancelled",
            message: boughtNothing
                ? "The job was cancelled; nothing was bought."
                : "The job was cancelled. Whether the provider charges for what it had begun is not known.",
            shouldRetry: false)
    }

    /// The gateway stopped after it had taken the job and before it had placed the order.
    static func stoppedBeforePurchase() -> GatewayError {
        GatewayError(
            status: .serviceUnavailable, type: .server, code: "gateway_restarted",
            message: "The gateway was restarted before the order was placed; nothing was bought. Send it again.")
    }

    /// The owner took away a provider while a job was there.
    static func providerRemoved(_ provider: String) -> GatewayError {
        internalFailure(
            """
            The gateway was restarted without the provider '\(provider)', which had this job; whether it charged for it \
            is not known.
            """, shouldRetry: false)
    }

    /// The job is over, and the gateway has no room to write that down.
    static func endingPending(_ jobID: String) -> GatewayError {
        GatewayError(
            status: .gatewayTimeout, type: .server, code: "result_pending",
            message: """
                The request is over, but the gateway cannot write down how it ended. It keeps trying: ask \
                GET /v1/images/jobs/\(jobID).
                """, retryAfter: .seconds(10), shouldRetry: false, location: "/v1/images/jobs/\(jobID)")
    }

    /// A request that is told again what it made, whose images the owner's retention has removed.
    static func imagesExpired() -> GatewayError {
        GatewayError(
            status: .gone, code: "images_expired",
            message: """
                The images of this request were made before and are not kept any more ('results.keep'). Send the \
                request with a new Idempotency-Key to make new ones.
                """, shouldRetry: false)
    }

    /// The images are made and paid for, and will be kept once they can be fetched.
    static func resultPending(_ jobID: String) -> GatewayError {
        GatewayError(
            status: .gatewayTimeout, type: .upstream, code: "result_pending",
            message: """
                The provider has made the image, but it cannot be fetched from there yet. It is paid for and will be \
                kept: ask GET /v1/images/jobs/\(jobID) for it.
                """, retryAfter: .seconds(10), shouldRetry: false, location: "/v1/images/jobs/\(jobID)")
    }

    /// The provider made the image and will charge for it, but it could not be had from there or put on disk.
    static func resultUnavailable(_ provider: String, _ reason: String) -> GatewayError {
        GatewayError(
            status: .badGateway, type: .upstream, code: "result_unavailable",
            message: "The provider '\(provider)' made the image, but it could not be stored: \(reason).",
            shouldRetry: false)
    }

    /// The file of a stored image is not there any more.
    static func missingImage() -> GatewayError {
        GatewayError(
            status: .notFound, type: .server, code: "image_missing",
            message: """
                This image was stored, but its file is not on the gateway's disk any more. The gateway's owner finds it \
                with 'easel check --data', and may have a backup.
                """)
    }

    /// The file of a stored image has other bytes than were stored.
    static func damagedImage() -> GatewayError {
        GatewayError(
            status: .internalServerError, type: .server, code: "image_damaged",
            message: """
                This image was stored, but its file on the gateway's disk is damaged, and so it is not sent. The \
                gateway's owner finds it with 'easel check --data', and may have a backup.
                """, shouldRetry: false)
    }

    /// Something of the gateway's own failed after the purchase; a second request would buy a second time.
    static func failureAfterPurchase(_ what: String) -> GatewayError {
        internalFailure(what, shouldRetry: false)
    }

    /// The disk refused what a client has sent.
    static func uploadNotStored(_ reason: SpoolError) -> GatewayError {
        .internalFailure("The upload could not be stored: \(reason). Nothing was bought; try again later.")
    }

    /// Something of the gateway's own failed; the details are in its log, under the request's id.
    static func internalFailure(_ what: String, shouldRetry: Bool? = nil) -> GatewayError {
        GatewayError(
            status: .internalServerError, type: .server, code: "internal_error", message: what, shouldRetry: shouldRetry
        )
    }
}

extension GatewayError {
    /// What the client of a job was told that failed; `nil` for one that did not.
    ///
    /// Whoever hears it again is not to repeat the request: its end is this one.
    init?(of job: JobRecord) {
        guard let error = job.error.flatMap({ try? JSONValue(parsing: Array($0.utf8)) }) else { return nil }
        self.init(
            status: Status(rawValue: job.errorStatus ?? Status.badGateway.rawValue),
            type: error["type"]?.string.flatMap(ErrorType.init) ?? .upstream, code: error["code"]?.string,
            parameter: error["param"]?.string, message: error["message"]?.string ?? "The job failed.",
            shouldRetry: false)
    }
}

extension String {
    /// The text, or its first characters and an ellipsis.
    func shortened(to limit: Int) -> String { count > limit ? prefix(limit) + "…" : self }
}
