import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop)
struct PromiseTests {
    @Test @EventLoop func `everybody who waits gets the first value, early or late`() async throws {
        let promise = Promise<Int>()
        let waiters = (0..<3).map { _ in EventLoop.spawn { await promise.wait() } }
        promise.fulfil(1)
        promise.fulfil(2)
        for waiter in waiters { #expect(try await waiter.value == 1) }
        #expect(await promise.wait() == 1)
        #expect(promise.value == 1)
    }

    @Test @EventLoop func `a waiter that is cancelled stops waiting, and the others do not`() async throws {
        let promise = Promise<Int>()
        let leaving = EventLoop.spawn { await promise.wait() }
        let staying = EventLoop.spawn { await promise.wait() }
        leaving.cancel()
        #expect(try await leaving.value == nil)
        promise.fulfil(7)
        #expect(try await staying.value == 7)
    }

    @Test @EventLoop func `who was cancelled before does not wait at all`() async throws {
        let promise = Promise<Int>()
        let isCancelled = Promise<Void>()
        let waiter = EventLoop.spawn {
            _ = await isCancelled.wait()
            return await promise.wait()
        }
        waiter.cancel()
        isCancelled.fulfil(())
        #expect(try await waiter.value == nil)
    }

    @Test @EventLoop func `who waits goes on in the order of coming`() async throws {
        let promise = Promise<Void>()
        var order: [Int] = []
        let waiters = (0..<20).map { number in
            EventLoop.spawn {
                _ = await promise.wait()
                order.append(number)
            }
        }
        await EventLoop.idle()
        promise.fulfil(())
        for waiter in waiters { try await waiter.value }
        #expect(order == Array(0..<20))
    }

    @Test(.timeLimit(.minutes(1)))
    @EventLoop func `who comes from another thread misses nothing that happens on the way`() async {
        for _ in 0..<2000 {
            let promise = Promise<Int>()
            let waiter = Task.detached { await promise.wait() }
            // Another thread decides when, so that the two meet at every place.
            Task.detached { await promise.fulfil(1) }
            #expect(await waiter.value == 1)
        }
    }
}
