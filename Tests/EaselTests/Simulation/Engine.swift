import LibEvent

@testable import Easel

/// The real engine of one life of the gateway, over what is fake of the world.
@EventLoop
final class Engine {
    let life: Life
    let bootedAt: Timestamp
    let jobs: Jobs
    let reception: Reception
    let shelf: FakeShelf
    let connections: [String: FakeConnection]

    init(_ configuration: Configuration, _ connections: [String: FakeConnection], _ world: World, _ life: Life) {
        self.life = life
        bootedAt = world.now
        self.connections = connections
        let clock = world.scheduler.clock(of: life)
        let log = Log.silent(clock)
        shelf = FakeShelf(world, life)
        let results = Results(
            blobs: shelf, fetcher: FakeFetcher(world, life), spool: world.tools.spool,
            check: ImageCheck(pixelLimit: 1_000_000), clock: clock, log: log)
        let ledger = FakeLedger(world, life)
        let means = AttemptRun.Means(
            ledger: ledger, connections: connections, sandbox: world.tools.sandbox, results: results,
            room: DiskRoom(minimum: world.faults.minFree, clock: clock, log: log) {
                try await world.freeSpace(in: life)
            },
            meter: Meter(), clock: clock, log: log)
        let fulfilment = Fulfilment(
            means: means, inputs: world.tools.inputs, configuration: configuration, random: world.dice)
        jobs = Jobs(fulfilment: fulfilment, clock: clock)
        reception = Reception(jobs: jobs, ledger: ledger, clock: clock, log: log)
    }
}

extension Log {
    /// A log that nobody reads.
    static func silent(_ clock: WallClock) -> Log { Log(threshold: .error, clock: clock, write: { _ in }) }
}

/// What remains of an engine whose life is over, and should not.
@EventLoop
struct Ghost {
    let life: Life
    private weak var jobs: Jobs?
    private weak var reception: Reception?
    private weak var fulfilment: Fulfilment?
    private weak var shelf: FakeShelf?

    init(_ engine: Engine) {
        life = engine.life
        jobs = engine.jobs
        reception = engine.reception
        fulfilment = engine.jobs.fulfilment
        shelf = engine.shelf
    }

    var isGone: Bool { jobs == nil && reception == nil && fulfilment == nil && shelf == nil }
}
