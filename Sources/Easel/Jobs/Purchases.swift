import HTTPClient
import JSON
import LibEvent

/// What came of one attempt at one provider.
enum Purchase: Sendable {
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

    /// The addresses that are being fetched, for the ledger; `nil` when every image is here already.
    var pendingJSON: String? {
        let urls = images.compactMap { image -> JSONValue? in
            if case .url(let url) = image.image.payload { .string(url) } else { nil }
        }
        return urls.isEmpty ? nil : JSONValue.array(urls).text
    }
}

/// One delivered image and the files of the answer that it came in.
struct DeliveredImage: Sendable {
    var image: ResultImage
    var files: [SpooledFile]
    var seed: Int64?
}

/// Sends an order to a provider and reads what comes back: the only place where money is spent.
@EventLoop
final class Purchases {
    private let upstreams: [String: Upstream]
    private let sandbox: Sandbox
    private let ledger: Ledger
    private let clock: WallClock
    private let log: Log

    /// The pause before the first poll of a queue task, and the longest between two.
    static let pollPause = Duration.milliseconds(500)...Duration.seconds(5)

    init(upstreams: [String: Upstream], sandbox: Sandbox, ledger: Ledger, clock: WallClock, log: Log) {
        self.upstreams = upstreams
        self.sandbox = sandbox
        self.ledger = ledger
        self.clock = clock
        self.log = log
    }

    /// Makes one attempt, all its requests side by side; some of them failing costs only their images.
    ///
    /// The attempt gets the answer's status and ids.
    func make(_ candidate: Candidate, _ attempt: inout AttemptRecord) async -> Purchase {
        if let drawing = candidate.plan.drawing { return await sandbox.draw(drawing) }
        guard let upstream = upstreams[candidate.route.provider] else {
            return .failed(.gateway(.overload, "The provider is not configured.", boughtNothing: true))
        }
        let tasks = UpstreamTasks(attempt, count: candidate.plan.requests.count)
        let calls = candidate.plan.requests.indices.map { index in
            EventLoop.spawn { await self.call(index, candidate, upstream, tasks) }
        }
        var answers: [Purchase] = []
        for call in calls { if let answer = try? await call.value { answers.append(answer) } }
        attempt.task = tasks.text
        attempt.upstreamStatus = tasks.lastStatus
        let purchase = Self.combined(answers, seeds: candidate.plan.seeds)
        switch purchase {
        case .delivered(let delivery): attempt.upstreamID = delivery.requestID
        case .failed(let failure): attempt.upstreamID = failure.requestID
        }
        return purchase
    }

    private func call(
        _ index: Int, _ candidate: Candidate, _ upstream: Upstream, _ tasks: UpstreamTasks
    ) async -> Purchase {
        let received: Upstream.Received
        do throws(ClientError) { received = try await upstream.send(candidate.plan.requests[index]) } catch {
            return .failed(ProviderFailure(error))
        }
        tasks.lastStatus = received.answer.status
        switch candidate.dialect.outcome(of: received.answer) {
        case .images(let images): return .delivered(Delivery(images, received.files, candidate))
        case .failed(let failure): return .failed(failure)
        case .queued(let task):
            // The task's id is on disk before its first poll: after a crash it is polled again, not bought again.
            tasks.note(task, at: index)
            do {
                try await ledger.record(tasks.attempt, state: .submitted)
            } catch {
                log.error("cannot write to the ledger", ["request.id": tasks.attempt.jobID, "error": "\(error)"])
            }
            return await follow(task, candidate, upstream)
        }
    }

    /// Polls a queue task to its end; polls are free to repeat, so only the deadline ends them.
    private func follow(_ task: UpstreamTask, _ candidate: Candidate, _ upstream: Upstream) async -> Purchase {
        let deadline = clock.now + upstream.provider.timeout
        var pause = Self.pollPause.lowerBound
        while clock.now < deadline {
            try? await clock.sleep(for: pause)
            pause = min(pause * 3 / 2, Self.pollPause.upperBound)
            switch await poll(task, candidate, upstream) {
            case .waiting(let after): pause = max(after ?? pause, Self.pollPause.lowerBound)
            case .unavailable: continue
            case .settled(let purchase): return purchase
            }
        }
        return .failed(
            .gateway(
                .timeout, "The provider had not finished after \(upstream.provider.timeout.components.seconds) s.",
                boughtNothing: false))
    }

    private enum Poll {
        case waiting(after: Duration?)
        case unavailable
        case settled(Purchase)
    }

    private func poll(_ task: UpstreamTask, _ candidate: Candidate, _ upstream: Upstream) async -> Poll {
        guard let question = candidate.dialect.statusRequest(for: task, at: candidate.endpoint),
            let status = try? await upstream.send(question)
        else { return .unavailable }
        var received = status
        var progress = candidate.dialect.progress(of: status.answer, for: task)
        if case .finished = progress {
            guard let request = candidate.dialect.resultRequest(for: task, at: candidate.endpoint),
                let result = try? await upstream.send(request)
            else { return .unavailable }
            received = result
            progress = candidate.dialect.result(of: result.answer, for: task)
        }
        switch progress {
        case .waiting(let after): return .waiting(after: after)
        case .finished, .unavailable: return .unavailable
        case .outcome(.images(let images)):
            return .settled(.delivered(Delivery(images, received.files, candidate)))
        case .outcome(.failed(let failure)), .cancelled(let failure): return .settled(.failed(failure))
        case .outcome(.queued): return .waiting(after: nil)
        }
    }

    /// Joins the answers of a fan-out: images in the order of the requests, failures among them as missing images.
    private static func combined(_ answers: [Purchase], seeds: [Int64?]) -> Purchase {
        var joined = Delivery()
        var failures: [ProviderFailure] = []
        for (index, answer) in answers.enumerated() {
            switch answer {
            case .failed(let failure): failures.append(failure)
            case .delivered(let delivery):
                let seed = seeds.indices.contains(index) ? seeds[index] : nil
                joined.images += delivery.images.map { image in
                    var image = image
                    image.seed = image.seed ?? seed
                    return image
                }
                joined.missing += delivery.missing
                joined.requestID = joined.requestID ?? delivery.requestID
                joined.usage = joined.usage ?? delivery.usage
            }
        }
        guard let failure = decisive(failures), joined.images.isEmpty else {
            joined.missing += failures.map(\.message)
            return .delivered(joined)
        }
        return .failed(failure)
    }

    /// The failure that decides what may happen next: one that may have cost something before one that would end the
    /// order anyway, and that before those after which another provider may try.
    private static func decisive(_ failures: [ProviderFailure]) -> ProviderFailure? {
        failures.first { !$0.boughtNothing } ?? failures.first { !$0.mayMoveOn } ?? failures.first
    }
}

/// The queue tasks of one attempt, as they become known.
@EventLoop
private final class UpstreamTasks {
    private(set) var attempt: AttemptRecord
    var lastStatus: Int?
    private var tasks: [UpstreamTask?]

    init(_ attempt: AttemptRecord, count: Int) {
        self.attempt = attempt
        tasks = Array(repeating: nil, count: count)
    }

    func note(_ task: UpstreamTask, at index: Int) {
        tasks[index] = task
        attempt.task = text
    }

    /// JSON of every task, by request; `nil` when no request was queued.
    var text: String? {
        guard tasks.contains(where: { $0 != nil }) else { return nil }
        return JSONValue.array(tasks.map { $0?.json ?? .null }).text
    }
}

extension ResultImage.Payload {
    /// With a relative address completed by the provider's own.
    fileprivate func absolute(_ candidate: Candidate) -> Self {
        guard case .url(let url) = self else { return self }
        return .url(candidate.dialect.absolute(url, at: candidate.endpoint))
    }
}

extension Delivery {
    @EventLoop
    fileprivate init(_ answer: ResultImages, _ files: [SpooledFile], _ candidate: Candidate) {
        images = answer.images.map { image in
            var image = image
            image.payload = image.payload.absolute(candidate)
            image.alternative = image.alternative?.absolute(candidate)
            return DeliveredImage(image: image, files: files, seed: image.seed ?? answer.seed)
        }
        missing = answer.failures.map(\.message)
        requestID = answer.requestID
        usage = answer.usage
    }
}

extension ProviderFailure {
    /// A failure to speak with the provider at all.
    fileprivate init(_ error: ClientError) {
        let neverThere = error.reached == .no
        let isTimeout = if case .timedOut = error.kind { true } else { false }
        self = .gateway(
            neverThere ? .overload : isTimeout ? .timeout : .malformed,
            neverThere
                ? "The provider could not be reached: \(error.kind)."
                : "The connection to the provider failed after the request was sent: \(error.kind).",
            boughtNothing: neverThere)
    }

    /// A failure that the gateway found, not the provider.
    static func gateway(_ kind: FailureKind, _ message: String, boughtNothing: Bool) -> ProviderFailure {
        ProviderFailure(kind: kind, message: message, status: 0, boughtNothing: boughtNothing)
    }
}
