import LibEvent

/// A value that comes once, and whoever waits for it.
///
/// A waiter that is cancelled stops waiting; the value comes all the same.
@EventLoop
final class Promise<Value: Sendable> {
    private(set) var value: Value?
    private var waiters: [(number: Int, continuation: CheckedContinuation<Void, Never>)] = []
    private var lastWaiter = 0
    /// How often all who waited were sent away.
    private var releaseCount = 0
    private var heirs: [Promise] = []

    /// Settles the promise; only the first value counts.
    func fulfil(_ value: Value) {
        guard self.value == nil else { return }
        self.value = value
        resumeAll()
        for heir in heirs { heir.fulfil(value) }
        heirs = []
    }

    /// Lets the value settle another promise, too.
    func passOn(to heir: Promise) {
        if let value { heir.fulfil(value) } else { heirs.append(heir) }
    }

    /// Sends away whoever waits now with nothing; the value may still come.
    func release() {
        releaseCount &+= 1
        resumeAll()
    }

    /// Waits for the value; `nil` when the waiting task was cancelled first, or all who wait were sent away.
    func wait() async -> Value? {
        if let value { return value }
        lastWaiter += 1
        let (waiter, releases) = (lastWaiter, releaseCount)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Asked again: whoever had to change threads on the way here may have missed it.
                if value != nil || Task.isCancelled || releases != releaseCount {
                    continuation.resume()
                } else {
                    waiters.append((waiter, continuation))
                }
            }
        } onCancel: {
            // Runs on any thread, maybe before the block above; spawning puts it after.
            EventLoop.spawn { self.giveUp(waiter) }
        }
        return value
    }

    /// In the order they came.
    private func resumeAll() {
        for waiter in waiters { waiter.continuation.resume() }
        waiters = []
    }

    private func giveUp(_ waiter: Int) {
        guard let index = waiters.firstIndex(where: { $0.number == waiter }) else { return }
        waiters.remove(at: index).continuation.resume()
    }
}
