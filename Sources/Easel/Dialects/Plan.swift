import JSON

/// How one provider will fulfil an order: what to send, and what became of every parameter.
struct Plan: Sendable, Hashable {
    /// One request, or several when the provider makes fewer images per request than were asked for; in result order.
    ///
    /// Empty when the dialect draws locally: then ``drawing`` is set.
    var requests: [UpstreamRequest]
    /// How many images each request should bring, in the order of ``requests``.
    var imagesPerRequest: [Int]
    /// The seed each request was sent with; `nil` where the provider chooses.
    var seeds: [Int64?]
    var drawing: Drawing?
    var report: [ParameterReport]
    /// What the answer's events mean, when the requests ask for a stream of them.
    var stream: StreamRules?
}

/// What a local renderer is to draw.
struct Drawing: Sendable, Hashable {
    var prompt: String
    /// Pixels.
    var width: Int
    /// Pixels.
    var height: Int
    /// Whether the client asked for that size; an edit keeps the size of its image otherwise.
    var isSizeAsked = false
    var count: Int
    /// Of the first picture; each further one has the next.
    var seed: Int64?
    var images: [ImageFile] = []
    var mask: ImageFile?
    /// `png`, `jpeg` or `webp`; PNG unless asked for.
    var format: String?
    /// 0 to 100, where the format has one.
    var quality: Int?
    var isTransparent = false
}

/// What became of one parameter of the order.
struct ParameterReport: Sendable, Hashable {
    enum Outcome: String, Sendable, Hashable {
        /// Sent as it was asked for.
        case applied
        /// Sent with the same meaning under another name or in another form.
        case mapped
        /// Sent, but as something else than was asked for, within the provider's bounds.
        case clamped
        /// Not sent: the provider has no such parameter, or no such value.
        case dropped
    }

    /// The canonical name.
    var parameter: String
    var outcome: Outcome
    var asked: JSONValue
    /// The value the provider was sent.
    var sent: JSONValue?
    /// Why, for a person.
    var note: String?
}

/// Why a provider cannot fulfil an order at all, found before anything was sent: a 400.
struct OrderRefusal: Error, Sendable, Hashable {
    enum Reason: Sendable, Hashable {
        /// The provider's model does not generate, or does not edit.
        case operation
        /// Too few or too many input images, or one in a form that the provider cannot take.
        case images
        /// The prompt is longer than the provider takes; it is never cut.
        case prompt
        /// Strict: the parameter would have been clamped or dropped.
        case strict
        /// The owner's configuration lacks a path that the dialect leaves open.
        case configuration
    }

    var reason: Reason
    /// The parameter at fault, by its canonical name.
    var parameter: String?
    /// A sentence that names the parameter, the bound and the provider.
    var message: String
}
