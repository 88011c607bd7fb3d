import HTTP
import JSON

/// One provider's way of speaking, compiled from its file: from an order to requests, from an answer to an outcome.
///
/// Pure: it touches no socket, no file and no clock.
final class Dialect: Sendable {
    let name: String
    /// The provider's name for people.
    let title: String
    /// The address of the provider's documentation.
    let page: String?
    /// The base URL when the owner configures none; `nil` when the owner must.
    let defaultBaseURL: String?
    /// How long the provider keeps results, unless it says otherwise with them; `nil` when its page does not say.
    let expires: Duration?
    /// Set when orders are drawn here instead of sent anywhere.
    let renderer: Renderer?
    /// Header fields of every request.
    let headers: [RequestTemplate.TextField]
    let hosts: OwnHosts
    let reader: AnswerReader
    let queue: Queue?
    /// What differs from model to model: the first whose pattern fits counts, the last fits all.
    let variants: [Variant]

    init(
        name: String, title: String, page: String?, defaultBaseURL: String?, expires: Duration?, renderer: Renderer?,
        headers: [RequestTemplate.TextField], hosts: OwnHosts, reader: AnswerReader, queue: Queue?, variants: [Variant]
    ) {
        self.name = name
        self.title = title
        self.page = page
        self.defaultBaseURL = defaultBaseURL
        self.expires = expires
        self.renderer = renderer
        self.headers = headers
        self.hosts = hosts
        self.reader = reader
        self.queue = queue
        self.variants = variants
    }

    /// A local renderer.
    enum Renderer: String, Sendable, Hashable, CaseIterable {
        case sandbox
    }

    /// What a dialect says about some of a provider's models.
    struct Variant: Sendable {
        var models: Pattern
        var operations: Set<ImageOrder.Operation>
        var requests: [ImageOrder.Operation: RequestTemplate]
        var limits: Limits
        var fillIn: FillIn
        /// `nil` when the provider does not show images while it makes them.
        var stream: StreamRules?
    }

    /// What is sent when the client gave nothing.
    struct FillIn: Sendable, Hashable {
        var size: Size?
        var parameters: [Parameter: JSONValue] = [:]
        /// A seed of our own choice, for providers whose default is always the same.
        var randomSeed = false
    }

    /// Longest wait between two polls that a dialect or an answer can ask for.
    static let longestInterval = Duration.seconds(60)
}

extension Dialect {
    /// What it says about one of the provider's models.
    func variant(for model: String) -> Variant {
        variants.first { $0.models.matches(model) } ?? variants[variants.endIndex - 1]
    }

    /// The operations of any of its models.
    var operations: Set<ImageOrder.Operation> { variants.reduce(into: []) { $0.formUnion($1.operations) } }

    func operations(of model: String) -> Set<ImageOrder.Operation> { variant(for: model).operations }

    /// The header that the key is sent in, for people: `Authorization: Bearer …`; `nil` when no key is.
    var keyHeader: String? {
        headers.first { $0.value.placeholders.contains(.apiKey) }.map { field in
            let words = field.value.parts.map { if case .literal(let text) = $0 { text } else { "…" } }
            return "\(field.name): \(words.joined())"
        }
    }

    /// The paths that the owner's configuration must name, since the provider's page leaves them open.
    var openPaths: Set<ImageOrder.Operation> {
        variants.reduce(into: []) { open, variant in
            for (operation, request) in variant.requests
            where request.path == nil && renderer == nil && variant.operations.contains(operation) {
                open.insert(request.configuredPath ?? operation)
            }
        }
    }

    /// How input images must be prepared before ``Planner/plan(for:strict:identifier:)``.
    func intake(for operation: ImageOrder.Operation, model: String) -> ImageIntake {
        let variant = variant(for: model)
        var intake = ImageIntake(
            count: variant.limits.images, bounds: variant.limits.image, maskPolarity: variant.limits.mask)
        variant.requests[operation]?.forEachPlaceholder { placeholder, _ in
            guard let form = placeholder.imageForm else { return }
            if case .mask = placeholder {
                intake.maskForms.formUnion(form.alternatives)
            } else {
                intake.forms.formUnion(form.alternatives)
            }
        }
        return intake
    }
}

/// In which forms a provider takes input images, and what they must be like.
struct ImageIntake: Sendable, Hashable {
    /// Any of them will do: `url` takes an address as it is; `file`, `dataURI` and `base64` take a file.
    var forms: Set<ImageForm> = []
    /// Empty when the provider takes no mask.
    var maskForms: Set<ImageForm> = []
    var count: ClosedRange<Int>
    var bounds: ImageBounds
    /// What the mask must be turned into.
    var maskPolarity: MaskPolarity

    /// Whether an image can be sent as it is.
    func takes(_ image: ImageInput) -> Bool { Self.takes(image, forms) }

    func takesMask(_ mask: ImageInput) -> Bool { Self.takes(mask, maskForms) }

    private static func takes(_ image: ImageInput, _ forms: Set<ImageForm>) -> Bool {
        switch image {
        case .url: forms.contains(.url)
        case .file: !forms.isDisjoint(with: [.file, .dataURI, .base64])
        }
    }
}

// Answers.
extension Dialect {
    /// What the answer to a request of a plan means.
    func outcome(of answer: Answer) -> Outcome {
        if let queue, (200..<300).contains(answer.status) {
            let verdict = queue.verdict(of: answer)
            if verdict != .failed, verdict != .cancelled {
                if let images = reader.images(in: answer) { return .images(images) }
                if let task = queue.task(in: answer) { return .queued(task) }
            }
        } else if let images = reader.images(in: answer) {
            return .images(images)
        }
        return .failed(reader.failure(of: answer, at: answer.isUnderWay ? .task : .submission))
    }

    /// What an answer to ``statusRequest(for:at:)`` says.
    func progress(of answer: Answer, for task: UpstreamTask) -> Progress {
        guard let queue else { return .outcome(outcome(of: answer)) }
        guard (200..<300).contains(answer.status) else {
            return .unavailable(reader.failure(of: answer, at: .task))
        }
        switch queue.verdict(of: answer) {
        case nil:
            // Some answer with the images alone.
            guard let images = reader.images(in: answer) else {
                return .unavailable(reader.failure(of: answer, at: .task))
            }
            return .outcome(.images(images))
        case .waiting: return .waiting(after: delay(of: answer, queue))
        case .done: return queue.result == nil ? .outcome(finalOutcome(of: answer)) : .finished
        case .failed:
            let failure = reader.failure(of: answer, at: .task, state: queue.state.text(in: answer))
            return isCancellation(failure, queue) ? cancelled(failure) : .outcome(.failed(failure))
        case .cancelled:
            let state = queue.state.text(in: answer)
            return cancelled(reader.failure(of: answer, at: .task, state: state), state: state)
        case .gone: return .unavailable(reader.failure(of: answer, at: .task, state: queue.state.text(in: answer)))
        }
    }

    /// What an answer to ``resultRequest(for:at:)`` says.
    func result(of answer: Answer, for task: UpstreamTask) -> Progress {
        guard let queue else { return .outcome(outcome(of: answer)) }
        switch answer.status {
        case 202: return .waiting(after: delay(of: answer, queue))
        case 200..<300:
            // A status answer in its place says that the result is not there yet, or that there will be none.
            if reader.images(in: answer) == nil, let verdict = queue.verdict(of: answer), verdict != .done {
                return progress(of: answer, for: task)
            }
            return .outcome(finalOutcome(of: answer))
        case 401, 402, 403, 404, 408, 429: return .unavailable(reader.failure(of: answer, at: .task))
        case 500...:
            // With a reason that speaks of the job it is the job that failed, else the question about it.
            let failure = reader.failure(of: answer, at: .task)
            return reader.namesReasonOfJob(answer) ? .outcome(.failed(failure)) : .unavailable(failure)
        default: return .outcome(.failed(reader.failure(of: answer, at: .task)))
        }
    }

    /// What an answer to ``cancelRequest(for:at:)`` says.
    func cancellation(of answer: Answer) -> Cancellation {
        if (200..<300).contains(answer.status) { return .requested }
        if queue?.cancelledTooLate.contains(answer.status) ?? false { return .alreadyFinished }
        return .refused(reader.failure(of: answer, at: .task))
    }

    private func cancelled(_ failure: ProviderFailure, state: String? = nil) -> Progress {
        var failure = failure
        failure.isCancellation = true
        if let state { failure.boughtNothing = failure.boughtNothing || reader.isNotCharged(state) }
        return .cancelled(failure)
    }

    private func finalOutcome(of answer: Answer) -> Outcome {
        reader.images(in: answer).map(Outcome.images) ?? .failed(reader.failure(of: answer, at: .task))
    }

    private func delay(of answer: Answer, _ queue: Queue) -> Duration {
        min(RetryHint.read(answer, paths: [], message: "") ?? queue.interval, Self.longestInterval)
    }

    /// Queues whose only end is "completed" say that a job was cancelled in its error.
    private func isCancellation(_ failure: ProviderFailure, _ queue: Queue) -> Bool {
        guard let code = failure.code else { return false }
        return queue.cancelled.contains { $0.equalsIgnoringASCIICase(code) }
    }
}
