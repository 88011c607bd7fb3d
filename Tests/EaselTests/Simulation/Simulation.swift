import LibEvent

@testable import Easel

/// Many histories, one after the other, and those of them that broke the promise.
@EventLoop
final class Simulation {
    /// The histories that broke one invariant.
    private struct Failure {
        /// Of the shortest one.
        var seed: UInt64
        var steps: Int
        var count = 0
    }

    /// Broken histories after which no more are needed: the first ones tell enough.
    private static let failureLimit = 100

    private let tools: SimulationTools
    private var failures: [String: Failure] = [:]
    /// What the histories were made of, to see that nothing is left out.
    private(set) var tally = Tally()

    init() throws { tools = try SimulationTools() }

    /// Lives through a history for each seed.
    func run(_ seeds: Range<UInt64>) async {
        for seed in seeds {
            let world = World(seed: seed, tools: tools)
            await world.run()
            tally.add(world)
            guard let violation = world.violation else { continue }
            var failure = failures[violation.invariant] ?? Failure(seed: seed, steps: world.stepCount)
            failure.count += 1
            if world.stepCount < failure.steps { (failure.seed, failure.steps) = (seed, world.stepCount) }
            failures[violation.invariant] = failure
            if failures.values.reduce(0, { $0 + $1.count }) >= Self.failureLimit { return }
        }
    }

    /// Each broken invariant with the story of its shortest history, and how to repeat it.
    func reports() async -> [String] {
        var reports: [String] = []
        for (invariant, failure) in failures.sorted(by: { $0.key < $1.key }) {
            reports.append(
                """
                Broken in \(failure.count) of \(tally.histories) histories: \(invariant). The shortest of them is
                \(await story(of: failure.seed).joined(separator: "\n"))
                Repeat it with: scripts/simulate 1 \(failure.seed)
                """)
        }
        return reports
    }

    /// What happens in the history of a seed, line by line.
    func story(of seed: UInt64) async -> [String] {
        let world = World(seed: seed, tools: tools, isTracing: true)
        await world.run()
        return world.story
    }
}

/// How much of what has happened.
struct Tally: Sendable {
    private(set) var histories = 0
    private(set) var steps = 0
    private(set) var jobs = 0
    private(set) var orders = 0
    private(set) var crashes = 0
    private(set) var images = 0

    @EventLoop
    mutating func add(_ world: World) {
        histories += 1
        steps += world.stepCount
        jobs += world.rows.stories.count
        orders += world.sales.count
        crashes += world.crashCount
        images += world.rows.stories.values.reduce(0) { $0 + $1.images.count }
    }
}

extension Tally: CustomStringConvertible {
    var description: String {
        "\(histories) histories: \(jobs) jobs, \(orders) orders, \(crashes) crashes, \(images) images, \(steps) events"
    }
}
