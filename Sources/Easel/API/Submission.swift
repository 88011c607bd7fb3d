import Crypto
import HTTP
import JSON

/// A request to make images, understood: the order and how its client wants to be answered.
struct Submission: Sendable {
    var order: ImageOrder
    var delivery: Delivery
    /// A 400 instead of a clamped or dropped parameter.
    var isStrict: Bool
    /// Names in the request that mean nothing to Easel.
    var unknownNames: [String]
    /// What the client calls each input image, for messages.
    var imageNames: [String]
    /// The files that the order's images point into; they live as long as this does.
    var files: [SpooledFile]
    /// Bytes of the request's body.
    var requestLength: Int
    /// The client's own name for its request.
    var idempotencyKey: String?
    /// A digest of everything that was asked for.
    var fingerprint: Digest?
    /// Whether its key may use routes whose price is unknown.
    var allowsUnknownPrices = true
    /// Whether the client wants an answer before the images are there, and so the job must be in the ledger at once.
    var wantsReceipt = false
    /// Whether the job is to stop when no client waits for it any more.
    var stopsWhenAbandoned = false

    /// How images are handed over.
    enum Delivery: String, Sendable {
        case url
        case base64 = "b64_json"
    }
}

extension Submission.Delivery {
    /// Obeys the client's word for any model; without one, what OpenAI does for the name the client used.
    init(asked: String?, model: String?) throws(GatewayError) {
        switch asked {
        case "url": self = .url
        case "b64_json", "base64": self = .base64
        case nil: self = model?.hasPrefix("dall-e") == true ? .url : .base64
        case let other?:
            throw .invalid(
                "response_format",
                "Invalid value: '\(other.shortened(to: 60))'. Supported values are: 'url' and 'b64_json'.")
        }
    }
}
