import HTTP
import JSON

/// Puts the events of a provider's stream together to the answer that it would have given at once.
///
/// The events that are images become `data`, beside all that the last event says; an error event is the whole answer.
/// What the dialect says about answers then holds for streams as well.
struct EventAssembly: Sendable {
    private let rules: StreamRules
    private let reader: AnswerReader
    private var images: [JSONValue] = []
    private var last: JSONValue?
    private var failure: JSONValue?
    private var partialCount = 0
    /// Files that the events in the answer were spooled to.
    private var fileCount = 0

    /// What to do with an event's files and with the stream.
    enum Meaning: Sendable, Hashable {
        /// They are a partial image and no part of the answer; the payload's number counts within the event.
        case partial(index: Int, ResultImage.Payload)
        /// They belong to the answer, after those before them.
        case part
        /// They belong to the answer, and nothing more will come.
        case end
        case nothing
    }

    init(_ rules: StreamRules, _ reader: AnswerReader) {
        self.rules = rules
        self.reader = reader
    }

    /// Takes the next event, whose long strings became `fileCount` files.
    mutating func take(_ event: JSONValue, named name: String, fileCount: Int) -> Meaning {
        let role = rules.role(of: event, named: name)
        switch role {
        case .other: return .nothing
        case .partial:
            partialCount += 1
            guard let payload = reader.image(of: event)?.payload else { return .nothing }
            let index = rules.index.integer(in: event) ?? Int64(partialCount - 1)
            return .partial(index: Int(clamping: max(index, 0)), payload)
        case .image, .end, .error:
            let offset = self.fileCount
            self.fileCount += fileCount
            let event = event.replacingExternals { .external(offset &+ $0) }
            if role == .error {
                failure = event
                return .end
            }
            if role == .image || role == .end(isImage: true), images.count < AnswerReader.maximumImages {
                images.append(event)
            }
            if role == .image { return .part }
            last = event
            return .end
        }
    }

    /// The answer as far as it has come; `nil` when the stream broke off before anything could be said.
    ///
    /// An image that has come is delivered however the stream ended.
    func answer(status: Int, fields: Fields) -> Answer? {
        if images.isEmpty, let failure {
            return Answer(status: status, fields: fields, body: .json(failure), isUnderWay: partialCount > 0)
        }
        guard !images.isEmpty || last != nil else { return nil }
        var body = last?.object ?? JSONObject()
        if !images.isEmpty { body["data"] = .array(images) }
        return Answer(status: status, fields: fields, body: .json(.object(body)), isUnderWay: partialCount > 0)
    }
}
