import JSON
import LibEvent

/// One attempt at one provider: all its requests side by side, each from its submission to its stored images.
///
/// The only place where money is spent. After a restart each request goes on from where the ledger last saw it.
@EventLoop
final class AttemptRun {
    /// What is left to do for one request of the attempt.
    indirect enum Errand: Sendable {
        case submit(UpstreamRequest)
        case draw(Drawing)
        case follow(UpstreamTask)
        case fetch([PendingImage])
        /// It was sent, and its answer went down with the process.
        case lost
    }

    /// What the parts of a gateway share that a run needs.
    final class Means: Sendable {
        let ledger: any JobLedger
        let connections: [String: any ProviderConnection]
        let sandbox: Sandbox
        let results: Results
        let room: DiskRoom
        let meter: Meter
        let clock: WallClock
        let log: Log

        init(
            ledger: any JobLedger, connections: [String: any ProviderConnection], sandbox: Sandbox, results: Results,
            room: DiskRoom, meter: Meter, clock: WallClock, log: Log
        ) {
            self.ledger = ledger
            self.connections = connections
            self.sandbox = sandbox
            self.results = results
            self.room = room
            self.meter = meter
            self.clock = clock
            self.log = log
        }
    }

    private let job: Job
    let destination: Destination
    private let connection: (any ProviderConnection)?
    private let means: Means
    private(set) var record: AttemptRecord
    /// What is to be done; nothing for what an earlier run has left, until that is found out.
    private var errands: [Errand]
    /// How many images each request is for, and the seed it was sent with; after a restart neither is known.
    private let (imagesPerRequest, seeds): ([Int], [Int64?])
    /// What the provider shows before it is done, and whom.
    private let follower: StreamFollower?
    private(set) var outcome: AttemptOutcome
    // What a restart would need, by request.
    private var tasks: [UpstreamTask?]
    private var pending: [[PendingImage]]
    private var isNoted = true
    /// Requests whose answer is still to come, and requests that are not over.
    private var (unanswered, unfinished): (Int, Int)

    /// Positions that one request's images have between them and the next request's.
    nonisolated static let positionStride = 100
    /// How long a request waits for results that the provider has made but that cannot be stored.
    static let storingPatience = Duration.seconds(60)

    init(
        _ record: AttemptRecord, of job: Job, at destination: Destination, to plan: Plan? = nil, _ means: Means
    ) {
        self.record = record
        self.job = job
        self.destination = destination
        connection = means.connections[destination.route.provider]
        errands = plan.map(Errand.all) ?? []
        (imagesPerRequest, seeds) = (plan?.imagesPerRequest ?? [], plan?.seeds ?? [])
        follower = plan?.stream.map {
            StreamFollower(rules: $0, reader: destination.dialect.reader, saw: job.previews.add)
        }
        self.means = means
        outcome = AttemptOutcome()
        (tasks, pending) = ([], [])
        (unanswered, unfinished) = (0, 0)
    }

    /// Whether it is over, and nothing speaks against another attempt.
    ///
    /// Not inlined: what is looked through would take up memory for as long as the attempt is waited for.
    @inline(never)
    var mayBeFollowed: Bool { outcome.failure?.mayMoveOn == true }

    /// Does every errand; `kept` are the images that are stored and written down already.
    func run(kept: [ImageRecord] = []) async {
        prepare(kept)
        if isOneRequest {
            // Nearly every attempt is, and needs no task of its own to wait in.
            await settle(await submit(0), 0)
        } else {
            await perform()
        }
        outcome.images.sort { $0.position < $1.position }
    }

    private var isOneRequest: Bool {
        if case .submit = errands.first { errands.count == 1 } else { false }
    }

    @inline(never)
    private func prepare(_ kept: [ImageRecord]) {
        if errands.isEmpty { errands = Errand.all(leftOf: record, kept: kept) }
        outcome = AttemptOutcome(kept: kept)
        outcome.failures = Array(repeating: nil, count: errands.count)
        // Also those of which only results are left to fetch.
        tasks = record.tasks + Array(repeating: nil, count: max(0, errands.count - record.tasks.count))
        pending = errands.map { if case .fetch(let images) = $0 { images } else { [] } }
        (unanswered, unfinished) = (errands.count, errands.count)
    }

    @inline(never)
    private func perform() async {
        let runs = errands.indices.map { index in EventLoop.spawn { await self.perform(index) } }
        for run in runs { _ = await run.result }
    }

    private func perform(_ index: Int) async {
        let purchase: Purchase =
            switch errands[index] {
            case .submit: await submit(index)
            case .draw(let drawing): await means.sandbox.draw(drawing)
            case .follow(let task): await follow(task, since: record.submittedAt)
            case .lost: .failed(.lost(isFree: destination.dialect.renderer != nil))
            case .fetch(let images):
                .delivered(Delivery(images: images.map(\.delivered), expiresAt: images.first?.expiresAt))
            }
        await settle(purchase, index)
    }

    /// Not inlined: what storing takes would take up memory for as long as the answer is waited for.
    @inline(never)
    private func settle(_ purchase: Purchase, _ index: Int) async {
        if record.upstreamID == nil { record.upstreamID = purchase.requestID }
        unanswered -= 1
        if unanswered == 0 { everyoneHasAnswered() }
        switch purchase {
        case .failed(var failure):
            // Some tell the request back that they refuse, and clients read the reason.
            if let key = connection?.provider.apiKey { failure.message = key.hidden(in: failure.message) }
            outcome.failures[index] = failure
            outcome.add(failure, of: imagesPerRequest.indices.contains(index) ? imagesPerRequest[index] : 1)
        case .delivered(let delivery): await keep(delivery, index)
        }
        unfinished -= 1
    }

    private func submit(_ index: Int) async -> Purchase {
        guard let connection else {
            return .failed(.gateway(.overload, "The provider is not configured.", boughtNothing: true))
        }
        do throws(ProviderFailure) {
            let reply = try await connection.submit(
                takeRequest(index), for: job.keyID, following: follower, unless: job.hold)
            return await purchase(reply, index)
        } catch {
            return .failed(error)
        }
    }

    /// The request of an errand, which nobody needs any more once it is sent.
    @inline(never)
    private func takeRequest(_ index: Int) throws(ProviderFailure) -> UpstreamRequest {
        guard case .submit(let request) = errands[index] else { throw .lost(isFree: false) }
        errands[index] = .lost
        return request
    }

    /// What an answer brings, or the task that it tells of leads to; not inlined, as ``settle(_:_:)`` is not.
    @inline(never)
    private func purchase(_ reply: Upstream.Reply, _ index: Int) async -> Purchase {
        record.upstreamStatus = reply.received.answer.status
        switch reply.outcome {
        case .images(let images): return .delivered(Delivery(images, reply.received.files, from: destination))
        case .failed(let failure): return .failed(failure)
        case .queued(let task):
            // The task's id is on disk before its first poll: after a crash it is polled again, not bought again.
            tasks[index] = task
            await note()
            return await follow(task, since: means.clock.now)
        }
    }

    /// Polls a task to its end; its time began at `start`, after its order had waited for its turn.
    private func follow(_ task: UpstreamTask, since start: Timestamp) async -> Purchase {
        guard let connection else {
            return .failed(.gateway(.malformed, "The provider is not configured any more.", boughtNothing: false))
        }
        let follower = QueueFollower(task, at: destination, connection, for: job, clock: means.clock)
        // After a long stop the provider may have finished long ago: there is always time to ask.
        let deadline = max(
            start + connection.provider.jobTimeout, means.clock.now + connection.provider.timeout)
        let purchase = await follower.follow(until: deadline) { if !self.isNoted { await self.note() } }
        // One that is being stopped says nothing about its provider.
        if !job.isCancelled { connection.taskEnded(purchase.failure) }
        return purchase
    }

    /// From here on only storing is left; whoever waits is not kept waiting for that for ever.
    private func everyoneHasAnswered() {
        record.answeredAt = means.clock.now
        job.state = .storing
        job.becomeLate(after: Self.storingPatience, means.clock, GatewayError.resultPending)
    }

    // MARK: Keeping what was bought

    private func keep(_ delivery: Delivery, _ index: Int) async {
        outcome.add(delivery)
        let expiry = delivery.expiresAt ?? means.clock.now + (destination.dialect.expires ?? Results.defaultExpiry)
        let places = places(of: delivery, index)
        pending[index] = zip(delivery.images, places).compactMap {
            PendingImage($0, position: $1, expiresAt: expiry)
        }
        // Their addresses are on disk before they are fetched: after a crash they are fetched again.
        if !pending[index].isEmpty { await note() }
        let kept = await store(delivery, places, index, expiry)
        outcome.images += kept
        outcome.held += kept.filter { $0.blob.content == .file }.map(\.blob.digest)
        guard unfinished > 1, !kept.isEmpty else { return }
        // The others may take minutes yet; what is here must not be lost with them.
        do {
            try await means.ledger.keep(kept)
            pending[index] = []
        } catch {
            cannotWrite(error)
        }
    }

    private func places(of delivery: Delivery, _ index: Int) -> [Int] {
        let resumed = pending[index].map(\.position)
        return resumed.count == delivery.images.count && !resumed.isEmpty
            ? resumed : delivery.images.indices.map { index * Self.positionStride + $0 }
    }

    /// Stores every image of a delivery side by side.
    private func store(_ delivery: Delivery, _ places: [Int], _ index: Int, _ expiry: Timestamp) async -> [ImageRecord]
    {
        let blobs = await store(delivery.images, until: expiry)
        var kept: [ImageRecord] = []
        for (blob, (image, place)) in zip(blobs, zip(delivery.images, places)) {
            switch blob {
            case .success(let blob):
                let seed = image.seed ?? (seeds.indices.contains(index) ? seeds[index] : nil)
                kept.append(
                    ImageRecord(
                        token: LinkToken.make(at: means.clock.now), jobID: job.id, position: place, blob: blob,
                        seed: seed, revisedPrompt: image.image.revisedPrompt, createdAt: means.clock.now))
            case .failure(let failure):
                means.log.error("result lost", ["request.id": job.id, "reason": failure.reason])
                means.meter.counts.imageLost(from: record.provider)
                outcome.missing.append(failure.reason)
            case nil: outcome.missing.append("the gateway stopped")
            }
        }
        return kept
    }

    /// What came of storing each image; `nil` where the gateway stopped.
    private func store(
        _ images: [DeliveredImage], until expiry: Timestamp
    ) async -> [Result<BlobRecord, FetchFailure>?] {
        // As nearly every delivery is, which needs no task of its own to wait in.
        if let only = images.first, images.count == 1 { return [await store(only, until: expiry)] }
        let tasks = images.map { image in EventLoop.spawn { await self.store(image, until: expiry) } }
        var results: [Result<BlobRecord, FetchFailure>?] = []
        for task in tasks { results.append(try? await task.value) }
        return results
    }

    private func store(_ image: DeliveredImage, until expiry: Timestamp) async -> Result<BlobRecord, FetchFailure> {
        do throws(FetchFailure) {
            return .success(
                try await means.results.keep(image.image, of: image.files, jobID: job.id, until: expiry))
        } catch {
            return .failure(error)
        }
    }

    /// Writes down how far the attempt has come; its job does not depend on it, and another try follows.
    private func note() async {
        record.task = tasks.contains { $0 != nil } ? JSONValue.array(tasks.map { $0?.json ?? .null }).text : nil
        let isFetching = pending.contains { !$0.isEmpty }
        record.pending = isFetching ? JSONValue.array(pending.map { .array($0.map(\.json)) }).text : nil
        isNoted = true
        do { try await means.ledger.record(record, state: unanswered > 0 ? .submitted : .storing) } catch {
            isNoted = false
            cannotWrite(error)
        }
    }

    private func cannotWrite(_ error: any Error) {
        means.log.error("cannot write to the ledger", ["request.id": job.id, "error": "\(error)"])
    }
}

extension AttemptRun.Errand {
    /// The errands of a new attempt.
    static func all(of plan: Plan) -> [Self] {
        plan.drawing.map { [.draw($0)] } ?? plan.requests.map(Self.submit)
    }

    /// What is left to do of an attempt of an earlier run, of which `kept` is written down.
    static func all(leftOf attempt: AttemptRecord, kept: [ImageRecord]) -> [Self] {
        let (tasks, pending) = (attempt.tasks, attempt.pendingImages)
        let positions = Set(kept.map(\.position))
        let keptRequests = Set(kept.map { $0.position / AttemptRun.positionStride })
        let count = max(1, tasks.count, pending.count)
        return (0..<count).map { index in
            let images = pending.indices.contains(index) ? pending[index] : []
            if !images.isEmpty || keptRequests.contains(index) {
                return .fetch(images.filter { !positions.contains($0.position) })
            }
            return tasks.indices.contains(index) ? tasks[index].map(Self.follow) ?? .lost : .lost
        }
    }
}

extension AttemptRecord {
    /// The queue tasks at the provider, by request.
    fileprivate var tasks: [UpstreamTask?] { Self.list(task).map(UpstreamTask.init) }

    /// The results that were still to be fetched, by request.
    fileprivate var pendingImages: [[PendingImage]] {
        Self.list(pending).map { ($0.array ?? []).compactMap(PendingImage.init) }
    }

    private static func list(_ text: String?) -> [JSONValue] {
        text.flatMap { try? JSONValue(parsing: Array($0.utf8)) }?.array ?? []
    }
}

extension Purchase {
    fileprivate var failure: ProviderFailure? { if case .failed(let failure) = self { failure } else { nil } }

    fileprivate var requestID: String? {
        switch self {
        case .delivered(let delivery): delivery.requestID
        case .failed(let failure): failure.requestID
        }
    }
}

extension ProviderFailure {
    /// The gateway stopped before the answer came.
    fileprivate static func lost(isFree: Bool) -> ProviderFailure {
        .gateway(
            .malformed,
            isFree
                ? "The gateway stopped while it was drawing; nothing was bought."
                : "The gateway stopped before the provider's answer came; whether it charged is not known.",
            boughtNothing: isFree)
    }
}
