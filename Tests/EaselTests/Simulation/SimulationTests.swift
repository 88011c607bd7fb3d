import LibEvent
import Support
import Testing

@testable import Easel

/// The promise, held against histories in which everything goes wrong; `scripts/simulate` lives through many more.
@Suite(.onEventLoop)
struct SimulationTests {
    @Test @EventLoop func `no history breaks the promise`() async throws {
        let simulation = try Simulation()
        await simulation.run(1..<501)
        for report in await simulation.reports() { Issue.record("\(report)") }
    }

    @Test @EventLoop func `a seed tells the same story twice`() async throws {
        let simulation = try Simulation()
        for seed in 1...50 as ClosedRange<UInt64> {
            let story = await simulation.story(of: seed)
            #expect(story.count > 3)
            #expect(await simulation.story(of: seed) == story)
        }
    }
}
