import HTTP
import HTTPClient
import LibEvent

@testable import Easel

/// The way from one life of the gateway to a provider, on which anything may be lost.
@EventLoop
final class FakeConnection: ProviderConnection {
    let provider: Configuration.Provider
    private let other: SimulatedProvider
    private let world: World
    private let life: Life
    /// The real one: its line, its limits and its breaker.
    private let traffic: ProviderTraffic
    private var dice: Dice { world.dice }

    init(_ provider: Configuration.Provider, to other: SimulatedProvider, _ world: World, _ life: Life) {
        self.provider = provider
        self.other = other
        self.world = world
        self.life = life
        let clock = world.scheduler.clock(of: life)
        traffic = ProviderTraffic(to: provider.name, provider.traffic, clock: clock, log: .silent(clock))
    }

    var pause: Duration? { traffic.pause }

    func taskEnded(_ failure: ProviderFailure?) { traffic.taskEnded(failure) }

    func submit(
        _ request: UpstreamRequest, for keyID: String, following follower: StreamFollower?,
        unless cancellation: Promise<Void>
    ) async throws(ProviderFailure) -> Upstream.Reply {
        let pass = try await traffic.enter(for: keyID, unless: cancellation)
        do throws(ClientError) {
            let reply = Upstream.Reply(try await order(request), by: provider.dialect)
            traffic.leave(pass, Verdict(.success(reply.outcome)))
            return reply
        } catch {
            traffic.leave(pass, Verdict(.failure(error)))
            throw ProviderFailure(error)
        }
    }

    private func order(_ request: UpstreamRequest) async throws(ClientError) -> Upstream.Received {
        try await pass(.milliseconds(200), request)
        if dice.chance(world.faults.refusedConnection) {
            world.trace("\(other.language): connection refused")
            let kinds: [ClientError.Kind] = [
                .connectFailed("connection refused"), .timedOut(.connect, limit: .seconds(10)),
                .unresolvable(host: "test"),
            ]
            throw ClientError(dice.pick(kinds), reached: .no, request: request.description)
        }
        let isLost = dice.chance(world.faults.lostOrder)
        var reply: SimulatedProvider.Reply?
        try await pass(.milliseconds(200), request) { [other, life] in
            if !isLost { reply = other.take(request, in: life) }
        }
        guard let reply else { throw doubt(request, .connectionLost("reset by peer")) }
        try await pass(exactly: min(reply.work, provider.timeout), request)
        guard reply.work < provider.timeout else { throw doubt(request, .timedOut(.head, limit: provider.timeout)) }
        if dice.chance(world.faults.lostAnswer) {
            throw doubt(request, dice.pick([.connectionLost("reset by peer"), .malformedResponse("cut short")]))
        }
        reply.isHeard()
        return Upstream.Received(answer: reply.answer, files: reply.files)
    }

    func ask(_ request: UpstreamRequest) async throws(ClientError) -> Upstream.Received {
        let isLost = losesPoll(request)
        var reply: SimulatedProvider.Reply?
        try await pass(.milliseconds(200), request) { [other, dice] in
            // The question may well have arrived.
            if !isLost || dice.chance(0.5) { reply = other.answer(request) }
        }
        guard !isLost, let reply else {
            world.trace("\(other.language): \(request) is lost")
            try await pass(.milliseconds(500), request)
            switch dice.number(0...3) {
            case 0: throw ClientError(.connectFailed("connection refused"), reached: .no, request: "")
            case 1: throw ClientError(.timedOut(.head, limit: provider.timeout), reached: .maybe, request: "")
            case 2: return Upstream.Received(answer: Answer(status: 500, fields: [:], body: .empty))
            default: return Upstream.Received(answer: Answer(status: 429, fields: [:], body: .text("slow down")))
            }
        }
        try await pass(exactly: reply.work, request)
        reply.isHeard()
        return Upstream.Received(answer: reply.answer, files: reply.files)
    }

    /// Decides whether a question gets lost; never too many in a row, so that what is there is found out in time.
    private func losesPoll(_ request: UpstreamRequest) -> Bool {
        guard let sale = other.sale(request), let task = sale.task, task.lostPolls < World.lostPollsInRow,
            dice.chance(world.faults.lostPoll)
        else { return false }
        sale.task?.lostPolls += 1
        return true
    }

    private func doubt(_ request: UpstreamRequest, _ kind: ClientError.Kind) -> ClientError {
        if case .bytes(let bytes)? = request.body.first, let jobID = world.jobID(ofOrder: bytes) {
            world.doubts.insert(jobID)
            world.trace("\(other.language): order of \(jobID): \(kind)")
        }
        return ClientError(kind, reached: .maybe, request: request.description)
    }

    private func pass(
        _ longest: Duration, _ request: UpstreamRequest, effect: (() -> Void)? = nil
    ) async throws(ClientError) {
        try await pass(exactly: world.latency(upTo: longest), request, effect: effect)
    }

    private func pass(
        exactly duration: Duration, _ request: UpstreamRequest, effect: (() -> Void)? = nil
    ) async throws(ClientError) {
        do throws(Interrupted) { try await world.scheduler.pass(duration, in: life, effect: effect) } catch {
            throw ClientError(.cancelled, reached: .maybe, request: request.description)
        }
    }
}
