/// One task's wait for something that other code on the loop will tell it.
///
/// Like a condition variable it remembers nothing: the waiter looks at its condition, waits, and looks again. No
/// signal is lost between the two, because both sides run on the loop.
@EventLoop
package final class Wakeup {
    private var continuation: CheckedContinuation<Bool, Never>?
    private lazy var timer = Timer { [unowned self] in resume(false) }

    package init() {}

    /// Suspends the task until ``signal()``, at most until a deadline; `false` when the deadline came first.
    ///
    /// Only one task may wait at a time.
    package func wait(until deadline: ContinuousClock.Instant? = nil) async -> Bool {
        precondition(continuation == nil, "two tasks wait for the same wake-up")
        if let deadline { timer.schedule(after: ContinuousClock.now.duration(to: deadline)) }
        defer { if deadline != nil { timer.cancel() } }
        return await withCheckedContinuation { continuation = $0 }
    }

    /// Resumes the task that waits, if one does.
    package func signal() { resume(true) }

    private func resume(_ wasSignalled: Bool) {
        let waiting = continuation.take()
        waiting?.resume(returning: wasSignalled)
    }
}

extension EventLoop {
    /// Suspends the task without leaving the loop's thread, which `Task.sleep` would.
    ///
    /// - Throws: `CancellationError` as soon as the task is cancelled.
    @EventLoop package static func sleep(for delay: Duration) async throws(CancellationError) {
        let deadline = ContinuousClock.now.advanced(by: delay)
        let wakeup = Wakeup()
        let wasCancelled = await withTaskCancellationHandler {
            // A task that was already cancelled has no one left to wake it.
            if Task.isCancelled { return true }
            return await wakeup.wait(until: deadline)
        } onCancel: {
            // The canceller may be on any thread.
            EventLoop.spawn { wakeup.signal() }
        }
        if wasCancelled { throw CancellationError() }
    }
}
