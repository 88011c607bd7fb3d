import Glibc
import Support
import Testing

@testable import LibEvent

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct EventLoopTests {
    @Test(arguments: [0, 1, 5])
    @EventLoop func `a sleeping task wakes up on the loop`(milliseconds: Int) async throws {
        try await EventLoop.sleep(for: .milliseconds(milliseconds))
        EventLoop.shared.preconditionIsolated()
    }

    @Test func `a sleeping task that is cancelled wakes up at once`() async {
        let task = EventLoop.spawn { try await EventLoop.sleep(for: .seconds(3600)) }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test @EventLoop func `a task that was cancelled before does not fall asleep`() async {
        let task = EventLoop.spawn {
            unsafe withUnsafeCurrentTask { unsafe $0?.cancel() }
            try await EventLoop.sleep(for: .seconds(3600))
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test func `claiming the loop from another thread stops the process`() async {
        await #expect(processExitsWith: .failure) {
            EventLoop.assumeIsolated(()) {}
        }
    }

    @Test func `offloaded and blocking work leave the loop`() async throws {
        let loop = try await EventLoop.spawn { pthread_self() }.value
        #expect(try await EventLoop.spawn { await offload { pthread_self() } }.value != loop)
        #expect(try await EventLoop.spawn { await blocking { pthread_self() } }.value != loop)
    }

    @Test func `works that wait for one another all get a thread`() async {
        let (met, everybody) = (Lock(0), BlockingThreads.limit)
        await withTaskGroup { group in
            for _ in 0..<everybody {
                group.addTask {
                    await blocking {
                        met.withLock { $0 += 1 }
                        while met.withLock({ $0 }) < everybody { usleep(100) }
                    }
                }
            }
        }
        #expect(met.withLock { $0 } == everybody)
    }

    @Test func `more works than there are threads are all done`() async {
        let sum = Lock(0)
        await withTaskGroup { group in
            for number in 1...1000 {
                group.addTask {
                    await blocking {
                        if number % 10 == 0 { usleep(1000) }
                        sum.withLock { $0 += number }
                    }
                }
            }
        }
        #expect(sum.withLock { $0 } == 500_500)
    }

    @Test @EventLoop func `what is put off is done once all that is ready is done`() async throws {
        let done = Lock<[String]>([])
        try await EventLoop.spawn {
            for name in ["first", "second"] {
                #expect(EventLoop.putOff { done.withLock { $0.append(name) } })
            }
            // Each makes the next one ready.
            try await EventLoop.spawn { try await EventLoop.spawn {}.value }.value
            #expect(done.withLock { $0 } == [])
            try await EventLoop.sleep(for: .milliseconds(1))
            #expect(done.withLock { $0 } == ["first", "second"])
        }.value
    }

    @Test func `nothing can be put off to the end of a turn that another thread does not have`() async {
        #expect(await blocking { EventLoop.putOff {} } == false)
    }

    @Test @EventLoop func `idle is when every task that was ready has gone as far as it can`() async {
        var links = 0
        // Each task is made by the one before it: no number of looks at the queue would see the end of them.
        @EventLoop func chain(_ left: Int) {
            links += 1
            if left > 1 { EventLoop.spawn { chain(left - 1) } }
        }
        chain(1000)
        await EventLoop.idle()
        #expect(links == 1000)
        await EventLoop.idle()
    }

    @Test @EventLoop func `a signal wakes whoever waits, or the next who will, once`() async {
        let wakeup = Wakeup()
        wakeup.signal()
        wakeup.signal()
        #expect(await wakeup.wait() == true)
        #expect(await wakeup.wait(until: .now.advanced(by: .milliseconds(1))) == false)
        EventLoop.spawn { wakeup.signal() }
        #expect(await wakeup.wait() == true)
    }

    @Test @EventLoop func `a signal reaches the loop`() async {
        let arrived = Wakeup()
        var received: [Signal] = []
        let signals = Signals([.hangUp]) { signal in
            received.append(signal)
            arrived.signal()
        }
        kill(getpid(), SIGHUP)
        while received.isEmpty, await arrived.wait(until: .now.advanced(by: .seconds(10))) {}
        #expect(received == [.hangUp])
        withExtendedLifetime(signals) {}
    }
}
