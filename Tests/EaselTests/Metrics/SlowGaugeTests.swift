import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop)
struct SlowGaugeTests {
    private struct Unreadable: Error {}

    @Test @EventLoop func `what can be read is read anew each time`() async {
        var value = 0
        let gauge = SlowGauge(clock: ManualClock().wallClock) {
            value += 1
            return value
        }
        #expect(await gauge.value() == 1)
        #expect(await gauge.value() == 2)
    }

    @Test @EventLoop func `what cannot be read is nothing`() async {
        let gauge = SlowGauge<Int>(clock: ManualClock().wallClock) { throw Unreadable() }
        #expect(await gauge.value() == nil)
    }

    @Test @EventLoop func `a reading that hangs is not waited for, nor begun again, and counts once it is there`() async
    {
        let (disk, clock) = (Promise<Int>(), ManualClock(alarmsRing: true))
        var readings = 0
        let gauge = SlowGauge(clock: clock.wallClock) {
            readings += 1
            return await disk.wait() ?? -1
        }
        #expect(await gauge.value() == nil)
        #expect(await gauge.value() == nil)
        #expect(readings == 1)
        disk.fulfil(7)
        // The one reading may be over by now, or still be.
        #expect([7, nil].contains(await gauge.value()))
        #expect(await gauge.value() == 7)
        #expect(readings <= 3)
    }
}
