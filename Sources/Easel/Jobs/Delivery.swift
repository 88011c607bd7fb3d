import JSON

/// What came of one request for images.
indirect enum Purchase: Sendable {
    case delivered(Delivery)
    case failed(ProviderFailure)
}

/// The images a provider delivered, not stored yet.
struct Delivery: Sendable {
    var images: [DeliveredImage] = []
    /// Images that the provider could not make, and its words for why.
    var missing: [String] = []
    var requestID: String?
    var usage: JSONValue?
    /// When the provider's links die, where that is known; else the dialect says how long they live.
    var expiresAt: Timestamp?
}

/// One delivered image and the files of the answer that it came in.
struct DeliveredImage: Sendable {
    var image: ResultImage
    var files: [SpooledFile]
    var seed: Int64?
}

extension Delivery {
    init(_ answer: ResultImages, _ files: [SpooledFile], from destination: Destination) {
        images = answer.images.map { image in
            var image = image
            image.payload = destination.absolute(image.payload)
            image.alternative = image.alternative.map(destination.absolute)
            return DeliveredImage(image: image, files: files, seed: image.seed ?? answer.seed)
        }
        missing = answer.failures.map { $0.message }
        requestID = answer.requestID
        usage = answer.usage
    }
}

/// A delivered image that is still to be fetched, as the ledger keeps it for a restart.
struct PendingImage: Sendable, Hashable {
    /// Its place among the job's images.
    var position: Int
    var url: String
    var alternative: String?
    var seed: Int64?
    var revisedPrompt: String?
    /// When the provider's link dies.
    var expiresAt: Timestamp

    /// `nil` for an image that has no address; one whose bytes are here already may have, in case they get lost.
    init?(_ delivered: DeliveredImage, position: Int, expiresAt: Timestamp) {
        let payloads = [delivered.image.payload, delivered.image.alternative]
        let urls = payloads.compactMap { if case .url(let url)? = $0 { url } else { nil } }
        guard let url = urls.first else { return nil }
        self.position = position
        self.url = url
        alternative = urls.dropFirst().first
        seed = delivered.seed
        revisedPrompt = delivered.image.revisedPrompt
        self.expiresAt = expiresAt
    }

    var delivered: DeliveredImage {
        DeliveredImage(
            image: ResultImage(
                payload: .url(url), alternative: alternative.map(ResultImage.Payload.url), revisedPrompt: revisedPrompt,
                seed: seed), files: [], seed: seed)
    }

    var json: JSONValue {
        var object: JSONObject = [
            "position": .integer(Int64(position)), "url": .string(url),
            "expires_at": .integer(expiresAt.microseconds),
        ]
        object["alternative"] = alternative.map(JSONValue.string)
        object["seed"] = seed.map(JSONValue.integer)
        object["revised_prompt"] = revisedPrompt.map(JSONValue.string)
        return .object(object)
    }

    /// Reads what ``json`` wrote; `nil` for anything else.
    init?(_ json: JSONValue) {
        guard let position = json["position"]?.int64.flatMap(Int.init(exactly:)), let url = json["url"]?.string,
            let expiry = json["expires_at"]?.int64
        else { return nil }
        self.position = position
        self.url = url
        alternative = json["alternative"]?.string
        seed = json["seed"]?.int64
        revisedPrompt = json["revised_prompt"]?.string
        expiresAt = Timestamp(microseconds: expiry)
    }
}
