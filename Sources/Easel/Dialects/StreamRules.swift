import JSON

/// How a provider shows images while it makes them: what asks for it, and what its events mean.
struct StreamRules: Sendable, Hashable {
    /// What is added to the request's body.
    var request: [Template.Member]
    // Which events are which, by their type.
    var partial: [Pattern] = []
    var image: [Pattern] = []
    var end: [Pattern] = []
    var error: [Pattern] = [Pattern("error")]
    /// Where an event has the number of its partial image, from 0.
    var index: [AnswerPath] = []

    /// What an event is.
    enum Role: Sendable, Hashable {
        /// An image that is not finished.
        case partial
        case image
        /// The last event, which may be the image too.
        case end(isImage: Bool)
        case error
        /// Anything else, such as progress.
        case other
    }

    /// Whether a stream is worth asking for: partial images cost tokens, and without them a plain answer is as good.
    func isWanted(for order: ImageOrder) -> Bool {
        order.isStreamed && (partial.isEmpty || order.parameters[.partialImages] != nil)
    }

    /// Finds out what an event is by the `type` in its data, or by its name when there is none.
    func role(of event: JSONValue, named name: String) -> Role {
        let type = event["type"]?.string ?? name
        let isImage = image.contains { $0.matches(type) }
        if end.contains(where: { $0.matches(type) }) { return .end(isImage: isImage) }
        if isImage { return .image }
        if partial.contains(where: { $0.matches(type) }) { return .partial }
        let isError = error.contains { $0.matches(type) } || event["error"]?.object != nil
        return isError ? .error : .other
    }
}
