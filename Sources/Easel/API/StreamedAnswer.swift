import Files
import HTTP
import HTTPServer
import Imaging
import JSON
import LibEvent

/// A running job as OpenAI streams images: partial images as they come, then the image or an error, and comments in
/// between.
///
/// It only looks on. The job does not wait for a client that reads slowly, which misses partial images instead, and goes
/// on without one that leaves.
@EventLoop
final class StreamedAnswer: ByteSource {
    /// How the job ended, for a client that streams.
    enum Ending: Sendable {
        case completed(Completion)
        case failed(GatewayError)
    }

    /// The one image of a streamed job, and what is told along with it.
    struct Completion: Sendable {
        var image: ImageRecord
        /// Its text in base64.
        var text: Segment
        var finishedAt: Timestamp
        /// In OpenAI's form, if the provider told any.
        var usage: JSONValue?
        /// What Easel adds to every answer.
        var easel: JSONValue
    }

    /// How long nothing is sent at most: the strictest proxies in use give up after half a minute.
    nonisolated static let longestSilence = Duration.seconds(15)

    private let order: ImageOrder
    private let previews: Previews
    private let clock: WallClock
    private let silence: Duration
    private let changed = Wakeup()
    private var watch: Task<Void, any Error>?
    private var ending: Ending?
    /// The number of the last preview that was sent.
    private var lastPreview = 0
    /// What is left of the event that is being sent.
    private var event: SegmentSource?
    private var isOver = false
    /// Whether the stream begins only because nothing has come for so long.
    private var beginsInSilence = false

    /// - Parameters:
    ///   - order: What the events are about.
    ///   - previews: The job's partial images.
    ///   - clock: Where the events' times come from.
    ///   - silence: How long nothing is sent at most.
    ///   - ending: Waits for the job's end; `nil` when the wait was cancelled, as it is when nobody wants the answer.
    init(
        to order: ImageOrder, previews: Previews, clock: WallClock, silence: Duration = longestSilence,
        ending: @escaping @EventLoop @Sendable () async -> Ending?
    ) {
        self.order = order
        self.previews = previews
        self.clock = clock
        self.silence = silence
        previews.follow(with: changed)
        watch = EventLoop.spawn { [weak self] in
            guard let ending = await ending() else { return }
            self?.settle(ending)
        }
    }

    /// The answer, as soon as there is something to send, at the latest when the silence has lasted long enough.
    ///
    /// - Throws: The job's failure when nothing came before it: it then has a status of its own, and SDKs know from its
    ///   fields whether to try again.
    func response() async throws(GatewayError) -> Response {
        switch await upcoming() {
        case .ending(.failed(let error)): throw error
        case .nothing: beginsInSilence = true
        case .preview, .ending: break
        }
        guard !Task.isCancelled else { throw .clientLeft() }
        return Response(
            .ok,
            fields: [
                "content-type": EventStream.mediaType, "cache-control": "no-cache, no-store", "x-accel-buffering": "no",
            ], body: .stream(self, length: nil))
    }

    func next() async throws -> [UInt8]? {
        if beginsInSilence {
            beginsInSilence = false
            return EventStream.keepAlive
        }
        while true {
            if let bytes = try await event?.next() { return bytes }
            event = nil
            guard !isOver else { return nil }
            switch await upcoming() {
            case .nothing:
                try Task.checkCancellation()
                return EventStream.keepAlive
            case .preview(let numbered):
                lastPreview = numbered.number
                // One that cannot be read is one the client does without.
                event = try? await SegmentSource(partialImage(numbered.preview))
            case .ending(let ending):
                isOver = true
                switch ending {
                case .failed(let error): return EventStream.error(error)
                case .completed(let completion):
                    do throws(FileError) { event = try await SegmentSource(completed(completion)) } catch {
                        return EventStream.error(Self.unreadable)
                    }
                }
            }
        }
    }

    fileprivate nonisolated static var unreadable: GatewayError {
        .failureAfterPurchase("The image is stored, but could not be read back.")
    }

    private enum Upcoming {
        case preview(Previews.Numbered)
        case ending(Ending)
        /// It has been silent for too long, or the task was cancelled.
        case nothing
    }

    private func upcoming() async -> Upcoming {
        let deadline = ContinuousClock.now.advanced(by: silence)
        while !Task.isCancelled {
            if let preview = previews.first(after: lastPreview) { return .preview(preview) }
            if let ending { return .ending(ending) }
            guard await changed.waitUnlessCancelled(until: deadline) else { break }
        }
        return .nothing
    }

    private func settle(_ ending: Ending) {
        self.ending = ending
        changed.signal()
    }

    isolated deinit {
        watch?.cancel()
        previews.leave(changed)
    }
}

// The events.
extension StreamedAnswer {
    private func partialImage(_ preview: Preview) -> [Segment] {
        let header = preview.file.header
        var data = facts(
            "partial_image", at: clock.now, size: header?.size.map { "\($0.width)x\($0.height)" } ?? order.size.text,
            format: header?.format ?? .png)
        data["partial_image_index"] = .integer(Int64(preview.index))
        return EventStream.event(name("partial_image"), data, image: .base64(path: preview.file.file.path))
    }

    private func completed(_ completion: Completion) -> [Segment] {
        let blob = completion.image.blob
        var data = facts(
            "completed", at: completion.finishedAt, size: "\(blob.width)x\(blob.height)",
            format: ImageFormat(mediaType: blob.mediaType) ?? .png)
        data["revised_prompt"] = completion.image.revisedPrompt.map(JSONValue.string)
        data["usage"] = ImagesAnswer.usage(completion.usage) ?? Self.noUsage
        data["easel"] = completion.easel
        return EventStream.event(name("completed"), data, image: completion.text)
    }

    /// What every event must say; `auto` where only the provider knows.
    private func facts(_ stage: String, at time: Timestamp, size: String, format: ImageFormat) -> JSONObject {
        [
            "type": .string(name(stage)), "created_at": .integer(time.seconds), "size": .string(size),
            "quality": word(.quality, among: ["low", "medium", "high", "xhigh", "max"]),
            "background": word(.background, among: ["transparent", "opaque"]),
            "output_format": .string(format.rawValue),
        ]
    }

    private func name(_ stage: String) -> String {
        (order.operation == .edit ? "image_edit." : "image_generation.") + stage
    }

    /// What the client asked for, when it is a word that strict clients accept in an event.
    private func word(_ parameter: Parameter, among words: [String]) -> JSONValue {
        guard let word = order.parameters[parameter]?.string, words.contains(word) else { return "auto" }
        return .string(word)
    }

    /// Strict clients demand an account of tokens even from providers that keep none.
    private static let noUsage: JSONValue = [
        "total_tokens": 0, "input_tokens": 0, "output_tokens": 0,
        "input_tokens_details": ["text_tokens": 0, "image_tokens": 0],
    ]
}

// The job.
extension StreamedAnswer {
    /// A stream of a job that ended long ago: nothing but its end.
    convenience init(
        of story: JobStory, to order: ImageOrder, _ configuration: Configuration, _ files: FileServer,
        _ clock: WallClock
    ) {
        self.init(to: order, previews: Previews(), clock: clock) { await Ending(story, configuration, files) }
    }

    /// A stream of a job under way, or of one that has ended.
    convenience init(
        of job: Job, to order: ImageOrder, _ configuration: Configuration, _ files: FileServer, _ clock: WallClock
    ) {
        self.init(to: order, previews: job.previews, clock: clock) {
            do throws(GatewayError) {
                switch try await job.wait() {
                case .done(let story): return await Ending(story, configuration, files)
                case .failed(let error): return .failed(error)
                }
            } catch {
                return Task.isCancelled ? nil : .failed(error)
            }
        }
    }
}

extension StreamedAnswer.Ending {
    @EventLoop
    fileprivate init(_ story: JobStory, _ configuration: Configuration, _ files: FileServer) async {
        guard let image = story.images.first else {
            self = .failed(.failureAfterPurchase("The job has ended without an image."))
            return
        }
        let text: Segment
        do { text = try await files.encoded(image) } catch {
            self = .failed(StreamedAnswer.unreadable)
            return
        }
        self = .completed(
            StreamedAnswer.Completion(
                image: image, text: text, finishedAt: story.job.finishedAt ?? story.job.acceptedAt,
                usage: story.job.usage,
                easel: JobAccount.json(story, configuration)))
    }
}

extension Wakeup {
    /// Waits for a signal, a deadline or the end of the task; `false` when the deadline came first.
    fileprivate func waitUnlessCancelled(until deadline: ContinuousClock.Instant) async -> Bool {
        await withTaskCancellationHandler {
            await wait(until: deadline)
        } onCancel: {
            // The canceller may be on any thread.
            EventLoop.spawn { self.signal() }
        }
    }
}
