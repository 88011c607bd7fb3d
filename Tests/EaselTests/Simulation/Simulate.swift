import Glibc
import LibEvent

/// The simulation as a program: `easel-simulate HISTORIES FIRST-SEED`; start it through `scripts/simulate`.
///
/// One history alone is told whatever becomes of it. Ends with 1 when the promise was broken.
@main
enum Simulate {
    static func main() {
        let numbers = CommandLine.arguments.dropFirst().map { UInt64($0) ?? 0 }
        guard numbers.count == 2, numbers[0] > 0, numbers[0] < .max - numbers[1] else {
            print("usage: easel-simulate HISTORIES FIRST-SEED")
            exit(2)
        }
        let seeds = numbers[1]..<numbers[1] + numbers[0]
        EventLoop.spawn {
            do {
                exit(try await run(seeds) ? EXIT_SUCCESS : EXIT_FAILURE)
            } catch {
                print("easel-simulate: \(error)")
                exit(EXIT_FAILURE)
            }
        }
        EventLoop.run()
    }

    /// Whether every history kept the promise.
    @EventLoop
    private static func run(_ seeds: Range<UInt64>) async throws -> Bool {
        let simulation = try Simulation()
        await simulation.run(seeds)
        let reports = await simulation.reports()
        if seeds.count == 1, reports.isEmpty {
            for line in await simulation.story(of: seeds.lowerBound) { print(line) }
        }
        for report in reports { print(report) }
        print(simulation.tally)
        return reports.isEmpty
    }
}
