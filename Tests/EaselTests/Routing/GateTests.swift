import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop)
struct GateTests {
    @Test(arguments: [1, 3, 200])
    @EventLoop func `no more are inside than it is wide, and each enters in turn`(width: Int) async throws {
        let gate = Gate(width: width)
        let visitors = Visitors()
        let tasks = (0..<300).map { number in
            EventLoop.spawn {
                await gate.enter()
                visitors.enter(number)
                try await EventLoop.sleep(for: .microseconds(10))
                visitors.leave()
                gate.leave()
            }
        }
        for task in tasks { try await task.value }
        #expect(visitors.order == Array(0..<300))
        #expect(visitors.most == width)
        // It is as free as before.
        for _ in 0..<width { await gate.enter() }
    }

    @Test @EventLoop func `who is cancelled while waiting still gets its turn, and gives it back`() async throws {
        let gate = Gate(width: 1)
        await gate.enter()
        let visitors = Visitors()
        let cancelled = EventLoop.spawn {
            await gate.enter()
            visitors.enter(1)
            gate.leave()
        }
        cancelled.cancel()
        let next = EventLoop.spawn {
            await gate.enter()
            visitors.enter(2)
            gate.leave()
        }
        gate.leave()
        try await cancelled.value
        try await next.value
        #expect(visitors.order == [1, 2])
    }
}

/// Who came in, and how many there were at most.
@EventLoop
private final class Visitors {
    private(set) var order: [Int] = []
    private(set) var most = 0
    private var count = 0

    func enter(_ number: Int) {
        order.append(number)
        count += 1
        most = max(most, count)
    }

    func leave() { count -= 1 }
}
