import HTTP
import HTTPClient
import JSON
import LibEvent

/// Whoever wants to see an answer in the making, and what its events mean.
final class StreamFollower: Sendable {
    let rules: StreamRules
    let reader: AnswerReader
    /// Hears of every unfinished image.
    let saw: @EventLoop @Sendable (Preview) -> Void

    init(rules: StreamRules, reader: AnswerReader, saw: @escaping @EventLoop @Sendable (Preview) -> Void) {
        self.rules = rules
        self.reader = reader
        self.saw = saw
    }
}

extension Upstream {
    /// The most events that one stream may have.
    static let eventLimit = 10_000

    /// Reads a stream of events to the last one that matters, and puts them together to one answer.
    ///
    /// Base64 goes to files while it arrives, of partial images as well as of finished ones.
    /// - Throws: ``ClientError`` when the stream ends before anything can be said; what was bought is unknown then.
    func receiveEvents(
        _ first: [UInt8], _ response: ClientResponse, _ follower: StreamFollower
    ) async throws -> Received {
        let events = EventReader(first, then: response.body)
        var assembly = EventAssembly(follower.rules, follower.reader)
        var files: [SpooledFile] = []
        var failure: any Error = Self.brokenOff(response)
        do {
            var isOver = false
            var count = 0
            while !isOver, count < Self.eventLimit, try await events.nextEvent() {
                count += 1
                guard let data = try await data(of: events) else { continue }
                switch assembly.take(data.value, named: events.name, fileCount: data.files.count) {
                case .nothing: break
                case .partial(let index, let payload):
                    guard let file = await file(of: payload, data.files) else { continue }
                    follower.saw(Preview(index: index, file: file))
                case .part: files += data.files
                case .end:
                    files += data.files
                    isOver = true
                }
            }
        } catch {
            failure = error
        }
        // An image that has come is one to keep, however the stream went on.
        guard let answer = assembly.answer(status: response.status.rawValue, fields: response.fields) else {
            throw failure
        }
        return Received(answer: answer, files: files)
    }

    /// An event's data; `nil` when it is no JSON, such as a closing `[DONE]`.
    private func data(of event: EventReader) async throws -> SpooledJSON? {
        do {
            return try await spool.receiveJSON(
                then: event, limit: Self.answerLimit, strictness: .forgiving, waitsForDisk: true)
        } catch SpoolError.malformed {
            return nil
        }
    }

    /// The bytes of a partial image; `nil` when it is only an address, or no base64.
    private func file(of payload: ResultImage.Payload, _ files: [SpooledFile]) async -> SpooledFile? {
        switch payload {
        case .external(let number): files.indices.contains(number) ? files[number] : nil
        case .base64(let text): try? await spool.decode(text, limit: Self.answerLimit)
        case .url, .body: nil
        }
    }

    private static func brokenOff(_ response: ClientResponse) -> ClientError {
        ClientError(
            .connectionLost("the stream of events ended before its image"), reached: .maybe,
            request: "POST \(response.finalURL.prefix { $0 != "?" })")
    }
}

extension ClientResponse {
    /// Whether it says that it is a stream of events.
    var isEventStream: Bool {
        fields["content-type"].flatMap { MediaType($0) }.map { $0.matches(.eventStream) } ?? false
    }
}
