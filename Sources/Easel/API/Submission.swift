import Crypto
import HTTP
import JSON

/// A request to make images, understood: the order and how its client wants to be answered.
///
/// A class, as it is carried through every wait of its request and its job.
final class Submission: Sendable {
    let order: ImageOrder
    let delivery: Delivery
    /// A 400 instead of a clamped or dropped parameter.
    let isStrict: Bool
    /// Names in the request that mean nothing to Easel.
    let unknownNames: [String]
    /// What the client calls each input image, for messages.
    let imageNames: [String]
    /// The files that the order's images point into; they live as long as this does.
    let files: [SpooledFile]
    /// Bytes of the request's body.
    let requestLength: Int
    /// The room for them, which is free again when nobody needs them any more.
    let hold: BytesInFlight.Hold?
    /// The client's own name for its request.
    let idempotencyKey: String?
    /// A digest of everything that was asked for.
    let fingerprint: Digest?
    /// Whether its key may use routes whose price is unknown.
    let allowsUnknownPrices: Bool
    /// Whether the client wants an answer before the images are there, and so the job must be in the ledger at once.
    let wantsReceipt: Bool
    /// Whether the job is to stop when no client waits for it any more.
    let stopsWhenAbandoned: Bool

    init(
        order: ImageOrder, delivery: Delivery, isStrict: Bool = false, unknownNames: [String] = [],
        imageNames: [String] = [], files: [SpooledFile] = [], requestLength: Int,
        hold: BytesInFlight.Hold? = nil, idempotencyKey: String? = nil, fingerprint: Digest? = nil,
        allowsUnknownPrices: Bool = true, wantsReceipt: Bool = false,
        stopsWhenAbandoned: Bool = false
    ) {
        self.order = order
        self.delivery = delivery
        self.isStrict = isStrict
        self.unknownNames = unknownNames
        self.imageNames = imageNames
        self.files = files
        self.requestLength = requestLength
        self.hold = hold
        self.idempotencyKey = idempotencyKey
        self.fingerprint = fingerprint
        self.allowsUnknownPrices = allowsUnknownPrices
        self.wantsReceipt = wantsReceipt
        self.stopsWhenAbandoned = stopsWhenAbandoned
    }

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
