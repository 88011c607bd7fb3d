/// One task's wait for something that other code on the loop will tell it.
///
/// The waiter looks at its condition, waits, and looks again, since a wake-up may be stale: a signal for which nobody
/// waits is kept for whoever waits next. Otherwise one could be lost between looking and waiting, because a task that
/// does not prefer the loop's executor may be put off in between.
@EventLoop
package final class Wakeup {
    private var isSignalled = false
    private var continuation: CheckedContinuation<Bool, Never>?

    package init() {}

    /// Suspends the task until ``signal()``, at most until a deadline; `false` when the deadline came first.
    ///
    /// Only one task may wait at a time.
    package func wait(until deadline: ContinuousClock.Instant? = nil) async -> Bool {
        precondition(continuation == nil, "two tasks wait for the same wake-up")
        if isSignalled {
            isSignalled = false
            return true
        }
        // Made for this wait alone: a connection has its wake-up for life, and its requests take longer than its waits.
        let timer = deadline.map(timer)
        defer { timer?.cancel() }
        return await withCheckedContinuation { waiting in
            continuation = waiting
            if isSignalled {
                isSignalled = false
                resume(true)
            }
        }
    }

    /// Resumes the task that waits, or the next that will.
    package func signal() {
        if continuation == nil { isSignalled = true } else { resume(true) }
    }

    private func timer(until deadline: ContinuousClock.Instant) -> Timer {
        let timer = Timer { [unowned self] in resume(false) }
        timer.schedule(after: ContinuousClock.now.duration(to: deadline))
        return timer
    }

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
