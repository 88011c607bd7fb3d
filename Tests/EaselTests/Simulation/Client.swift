import Crypto
import JSON
import LibEvent

@testable import Easel

/// What a client was told in the end.
struct Answered: Sendable {
    var ending: JobEnding
    var life: Int
}

/// A client with one wish: when it comes, whether it stays, whether it changes its mind, and how it sends it again.
@EventLoop
final class Client {
    /// How the gateway can know that a request is one that it has had before.
    enum Manner: Sendable, Hashable {
        /// Not at all: it is sent once.
        case once
        /// By a name of the client's own.
        case named
        /// By a count of tries, as OpenAI's clients send it.
        case counted
    }

    private enum Hearing {
        /// All there was to hear.
        case whole(isSuccess: Bool)
        /// Something that asks for another try, or nothing.
        case unsatisfied
    }

    private let number: Int
    private let manner: Manner
    private let world: World
    private var dice: Dice { world.dice }
    /// The prompt of all its requests, by which the world knows them again.
    private var wish: String { World.wish(number) }

    /// Tries until one is answered as it should be.
    private static let tries = 4

    init(_ number: Int, in world: World) {
        self.number = number
        self.world = world
        manner = world.dice.pick([.once, .named, .counted])
    }

    func run() async {
        guard await pass(dice.duration(.zero...dice.pick([.milliseconds(1), .seconds(30), .seconds(300)]))) else {
            return
        }
        let submission = submission()
        var isSatisfied = false
        for count in 0..<(manner == .once ? 1 : Self.tries) {
            // Now and then it asks for what it has already.
            if isSatisfied, !dice.chance(world.faults.departure) { break }
            if count > 0 {
                let pause = dice.duration(.zero...dice.pick([.seconds(1), .seconds(60), .seconds(600)]))
                guard await pass(pause) else { return }
            }
            if case .whole(let isSuccess) = await send(submission, retryCount: count) { isSatisfied = isSuccess }
        }
    }

    /// Sends the request once, and hears what it can of the answer.
    private func send(_ submission: Submission, retryCount: Int) async -> Hearing {
        guard let engine = world.engine else {
            world.trace("client \(number): nobody answers")
            return .unsatisfied
        }
        let arrival = Reception.Arrival(
            id: world.newRequest(wish, manner), key: Self.key, submission: submission,
            retryCount: manner == .counted ? retryCount : 0, memory: .seconds(86_400))
        world.trace("client \(number): orders \(submission.order.count) of \(submission.order.model), \(arrival.id)")
        if manner != .once, dice.chance(world.faults.departure / 2) {
            giveUp(arrival, to: engine)
            return .unsatisfied
        }
        let admission: Reception.Admission
        do throws(GatewayError) { admission = try await engine.reception.admit(arrival) } catch {
            if !engine.life.isOver { world.trace("client \(number): \(error.code ?? "")") }
            return .unsatisfied
        }
        guard !engine.life.isOver else { return .unsatisfied }
        switch admission {
        case .started(let job): return await follow(job, engine, submission)
        case .joined(let job):
            world.trace("client \(number): joins \(job.id)")
            return await follow(job, engine, submission)
        case .repeated(let boxed):
            let story = boxed.value
            let ending = JobEnding(story)
            world.trace("client \(number): is told again of \(story.job.id): \(ending.words)")
            world.check(ending, ofWish: wish, story.job.id)
            return hear(ending, of: story.job.id, engine)
        }
    }

    /// Leaves before its request has been read, which arrives all the same: perhaps when its retry is done.
    private func giveUp(_ arrival: Reception.Arrival, to engine: Engine) {
        world.trace("client \(number): leaves before it is read")
        let reading = dice.duration(.zero...dice.pick([.seconds(1), .seconds(60), .seconds(600)]))
        EventLoop.spawn {
            try await self.world.scheduler.pass(reading, in: engine.life)
            let admission = try await engine.reception.admit(arrival)
            guard !engine.life.isOver else { return }
            self.world.trace("client \(self.number): \(arrival.id) is read, and belongs to \(admission.jobID)")
            engine.reception.sent(admission.jobID, inFull: false, isSuccess: false)
        }
    }

    /// Waits for a job with one of its requests.
    private func follow(_ job: Job, _ engine: Engine, _ submission: Submission) async -> Hearing {
        if dice.chance(world.faults.cancellation) { cancel(job, in: engine.life) }
        let receipt = submission.wantsReceipt ? awaitReceipt(of: job, in: engine.life) : nil
        let waiting = EventLoop.spawn { await job.ending.wait() }
        let leaving = dice.chance(world.faults.departure) ? leave(waiting, in: engine.life) : nil
        let ending = try? await waiting.value
        receipt?.cancel()
        leaving?.cancel()
        guard !engine.life.isOver else {
            world.trace("client \(number): cut off")
            return .unsatisfied
        }
        if let ending {
            world.trace("client \(number): is told \(ending.words)")
            world.check(ending, ofWish: wish, job.id)
            return hear(ending, of: job.id, engine)
        }
        if waiting.isCancelled {
            world.trace("client \(number): leaves")
        } else {
            world.trace("client \(number): is sent away, \(job.lateness?.code ?? "")")
            world.checkLateness(of: job)
        }
        engine.reception.sent(job.id, inFull: !waiting.isCancelled, isSuccess: false)
        return .unsatisfied
    }

    /// The answer is on its way, and may not arrive.
    private func hear(_ ending: JobEnding, of jobID: String, _ engine: Engine) -> Hearing {
        var isSuccess = false
        if case .done = ending { isSuccess = true }
        let isWhole = !dice.chance(world.faults.departure / 2)
        engine.reception.sent(jobID, inFull: isWhole, isSuccess: isSuccess)
        return isWhole ? .whole(isSuccess: isSuccess) : .unsatisfied
    }

    private func submission() -> Submission {
        var order = ImageOrder(
            operation: .generate, model: dice.pick(["otter", "stoat"]), prompt: wish,
            count: dice.pick([1, 1, 2, 3, 5]))
        if dice.chance(0.5) { order.parameters[.seed] = 7 }
        return Submission(
            order: order, delivery: .url, requestLength: 100, idempotencyKey: manner == .named ? wish : nil,
            fingerprint: SHA256.digest(of: Array(wish.utf8)),
            allowsUnknownPrices: world.budget == nil || dice.chance(0.5),
            wantsReceipt: dice.chance(world.faults.receipt))
    }

    private func cancel(_ job: Job, in life: Life) {
        let pause = dice.duration(.zero...dice.pick([.milliseconds(10), .seconds(100)]))
        EventLoop.spawn {
            try await self.world.scheduler.pass(pause, in: life)
            self.world.trace("client \(self.number): cancels \(job.id)")
            job.cancellation.fulfil(())
        }
    }

    private func leave(_ waiting: Task<JobEnding?, any Error>, in life: Life) -> Task<Void, any Error> {
        let patience = dice.duration(.zero...dice.pick([.milliseconds(10), .seconds(5), .seconds(100)]))
        return EventLoop.spawn {
            try await self.world.scheduler.pass(patience, in: life)
            waiting.cancel()
        }
    }

    private func awaitReceipt(of job: Job, in life: Life) -> Task<Void, any Error> {
        EventLoop.spawn {
            guard await job.receipt.wait() != nil, !life.isOver else { return }
            self.world.trace("client \(self.number): has a receipt")
            self.world.checkReceipt(of: job)
        }
    }

    private func pass(_ duration: Duration) async -> Bool {
        do throws(Interrupted) { try await world.scheduler.pass(duration, in: world.outside) } catch { return false }
        return true
    }

    nonisolated static let keyID = "key"
    private nonisolated static let key = KeyRecord(
        id: keyID, name: "ci", prefix: "sk", models: nil, createdAt: ManualClock().now)
}

extension JobEnding {
    /// What is told again of a job that has ended.
    init(_ story: JobStory) {
        if let error = GatewayError(of: story.job) { self = .failed(error) } else { self = .done(story) }
    }

    /// In a few words.
    var words: String {
        switch self {
        case .done(let story): "\(story.images.count) images"
        case .failed(let error): error.code ?? "an error"
        }
    }
}
