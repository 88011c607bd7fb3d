import JSON
import LibEvent

@testable import Easel

/// What a client was told in the end.
struct Answered: Sendable {
    var ending: JobEnding
    var life: Int
}

/// A client with one order: when it comes, whether it stays, and whether it changes its mind.
@EventLoop
final class Client {
    private let number: Int
    private let world: World
    private var dice: Dice { world.dice }
    private var jobID: String { "req_" + String(number + 1_000_000).dropFirst() }

    init(_ number: Int, in world: World) {
        self.number = number
        self.world = world
    }

    func run() async {
        guard await pass(dice.duration(.zero...dice.pick([.milliseconds(1), .seconds(30), .seconds(300)]))) else {
            return
        }
        guard let engine = world.engine else { return world.trace("client \(number): nobody answers") }
        let submission = submission()
        let job: Job
        do throws(GatewayError) {
            job = try engine.jobs.start(submission, id: jobID, key: Self.key)
        } catch {
            return world.trace("client \(number): \(error.code ?? "")")
        }
        world.trace("client \(number): orders \(submission.order.count) of \(submission.order.model)")
        if dice.chance(world.faults.cancellation) { cancel(job, in: engine.life) }
        let receipt = submission.wantsReceipt ? awaitReceipt(of: job, in: engine.life) : nil
        let ending = await job.ending.wait()
        receipt?.cancel()
        guard !engine.life.isOver else { return world.trace("client \(number): cut off") }
        if let ending {
            world.trace("client \(number): is told \(ending.words)")
            world.check(ending, of: job)
        } else {
            world.trace("client \(number): is sent away, \(job.lateness?.code ?? "")")
            world.checkLateness(of: job)
        }
    }

    private func submission() -> Submission {
        var order = ImageOrder(
            operation: .generate, model: dice.pick(["otter", "stoat"]), prompt: jobID,
            count: dice.pick([1, 1, 2, 3, 5]))
        if dice.chance(0.5) { order.parameters[.seed] = 7 }
        return Submission(
            order: order, delivery: .url, isStrict: false, unknownNames: [], imageNames: [], files: [],
            requestLength: 100, wantsReceipt: dice.chance(world.faults.receipt))
    }

    private func cancel(_ job: Job, in life: Life) {
        let pause = dice.duration(.zero...dice.pick([.milliseconds(10), .seconds(100)]))
        EventLoop.spawn {
            try await self.world.scheduler.pass(pause, in: life)
            self.world.trace("client \(self.number): cancels")
            job.cancellation.fulfil(())
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

    private nonisolated static let key = KeyRecord(
        id: "key", name: "ci", prefix: "sk", models: nil, createdAt: ManualClock().now)
}

extension JobEnding {
    /// In a few words.
    var words: String {
        switch self {
        case .done(let story): "\(story.images.count) images"
        case .failed(let error): error.code ?? "an error"
        }
    }
}
