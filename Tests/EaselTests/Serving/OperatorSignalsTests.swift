import LibEvent
import Support
import Testing

@testable import Easel

struct OperatorSignalsTests {
    @Test(.onEventLoop)
    @EventLoop func `a wish to reload that came while nobody waited is not lost, and several are one`() async {
        let signals = OperatorSignals()
        for _ in 1...3 { signals.receive(.hangUp) }
        #expect(await signals.nextReload())
        let second = EventLoop.spawn { await signals.nextReload() }
        signals.receive(.terminate)
        #expect(await (try? second.value) == false)
    }

    @Test(.onEventLoop)
    @EventLoop func `the second signal to stop is one of haste`() {
        let signals = OperatorSignals()
        signals.receive(.interrupt)
        #expect(signals.stop.value == .interrupt)
        #expect(signals.haste.value == nil)
        signals.receive(.terminate)
        #expect(signals.stop.value == .interrupt)
        #expect(signals.haste.value == .terminate)
    }
}
