import Dispatch
import Synchronization
import Testing

/// Holds up a body on the database's thread until the test lets it go on.
final class Gate: Sendable {
    private let hasArrived = Atomic(false)
    private let opened = DispatchSemaphore(value: 0)

    func arriveAndWait() {
        hasArrived.store(true, ordering: .releasing)
        opened.wait()
    }

    func arrival() async {
        await eventually { hasArrived.load(ordering: .acquiring) }
    }

    func open() { opened.signal() }
}

/// Waits for what another thread is about to do, without keeping a thread of the pool from doing it.
func eventually(_ condition: () -> Bool) async {
    let deadline = ContinuousClock.now + .seconds(20)
    while !condition() {
        guard ContinuousClock.now < deadline else {
            Issue.record("waited 20 seconds in vain")
            return
        }
        await Task.yield()
    }
}
