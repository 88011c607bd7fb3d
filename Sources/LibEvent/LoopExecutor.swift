import CEvent
import Glibc
import Synchronization

/// Runs Swift jobs between two polls of libevent.
///
/// It is both kinds of executor. As a `SerialExecutor` it is where `@EventLoop` code runs; as a
/// `TaskExecutor` it is where code with no actor runs, in tasks that prefer it. Without the second
/// role each continuation would resume on the global pool and hop back.
@safe
final class LoopExecutor: SerialExecutor, TaskExecutor {
    /// What other threads may touch, under the lock.
    private struct Inbox: ~Copyable {
        var jobs: [UnownedJob] = []
        /// Whether the loop will look at `jobs` again before it blocks.
        var isAwake = true
        var isStopping = false
    }

    /// How many rounds of jobs may run before sockets are polled again.
    private static let roundsPerPoll = 64

    /// Touched only by the loop's thread once `run()` has started.
    nonisolated(unsafe) let base: OpaquePointer
    private let inbox = Lock(Inbox())
    private let thread = Atomic<UInt>(0)
    private let wakeup: CInt
    /// Who waits for a moment in which no job is ready; touched only by the loop's thread.
    nonisolated(unsafe) private var idleWaiters: [CheckedContinuation<Void, Never>] = []
    /// What is done before the next poll; touched only by the loop's thread.
    nonisolated(unsafe) private var putOffWork: [@Sendable () -> Void] = []
    /// Who looks for work that takes too long, if anybody does.
    ///
    /// Touched only by the loop's thread.
    nonisolated(unsafe) var watch: LoopWatch?

    init() {
        // Without a base there is no program to run: both can only fail before anything from outside was read.
        guard let configuration = unsafe event_config_new() else { preconditionFailure("libevent has no memory") }
        defer { unsafe event_config_free(configuration) }
        // Only this thread ever calls libevent, so libevent needs no locks.
        let isUnlocked = unsafe event_config_set_flag(configuration, CInt(EVENT_BASE_FLAG_NOLOCK.rawValue)) == 0
        guard isUnlocked, let base = unsafe event_base_new_with_config(configuration) else {
            preconditionFailure("libevent finds no way to wait for sockets (errno \(errno))")
        }
        unsafe self.base = base
        wakeup = eventfd(0, CInt(EFD_NONBLOCK | EFD_CLOEXEC))
        precondition(wakeup >= 0, "the kernel gives no eventfd (errno \(errno))")
        // A peer that goes away is an error code of `write`, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Called by the Swift runtime on any thread: a task is ready to run a piece.
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let wasAsleep = inbox.withLock { inbox in
            inbox.jobs.append(job)
            // The first to find the loop asleep wakes it; the others need not.
            defer { inbox.isAwake = true }
            return !inbox.isAwake
        }
        // A libevent callback may enqueue too; the loop drains the inbox after it anyway.
        if wasAsleep && !isCurrent { wake() }
    }

    /// Turns the calling thread into the loop; returns after `stop()`, once no job is waiting.
    func run() {
        thread.store(UInt(pthread_self()), ordering: .releasing)
        let wakeups = unsafe event_new(
            // Edge-triggered, so that nobody has to read the eventfd before it can wake the loop again.
            base, wakeup, Int16(EV_READ | EV_ET | EV_PERSIST),
            { _, _, _ in
                // The jobs themselves run after event_base_loop returns.
            }, nil)
        guard let wakeups = unsafe wakeups, unsafe event_add(wakeups, nil) == 0 else {
            preconditionFailure("libevent cannot watch its own eventfd (errno \(errno))")
        }
        defer { unsafe event_free(wakeups) }

        var jobs: [UnownedJob] = []
        while true {
            // 1. Run jobs until there are none; bounded, so that sockets are never starved.
            for _ in 0..<Self.roundsPerPoll {
                let isStopping = inbox.withLock { inbox in
                    swap(&jobs, &inbox.jobs)  // both arrays keep their capacity
                    inbox.isAwake = !jobs.isEmpty
                    return inbox.isStopping
                }
                if jobs.isEmpty && isStopping { return doPutOffWork() }
                if jobs.isEmpty {
                    guard let waiter = unsafe idleWaiters.popLast() else { break }
                    waiter.resume()
                    continue
                }
                for job in jobs { measured { run(job) } }
                jobs.removeAll(keepingCapacity: true)
            }
            // 2. Do what was put off until now; it may make jobs ready.
            doPutOffWork()
            // 3. Poll sockets and timers; block only if nothing was enqueued since the last look.
            let mayBlock = inbox.withLock { !$0.isAwake }
            unsafe event_base_loop(base, mayBlock ? EVLOOP_ONCE : EVLOOP_NONBLOCK)
        }
    }

    private func run(_ job: UnownedJob) {
        // Both executors: with either one alone each continuation would take a detour over the other.
        unsafe job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
    }

    /// Runs a piece of work on the loop's thread, watched if anybody watches.
    func measured<Output>(_ piece: () -> Output) -> Output {
        if let watch = unsafe watch { watch.measure(piece) } else { piece() }
    }

    func stop() {
        inbox.withLock { inbox in
            inbox.isStopping = true
            inbox.isAwake = true
        }
        wake()
    }

    /// Resumes a task once no job is ready; called on the loop's thread.
    func resumeWhenIdle(_ waiter: CheckedContinuation<Void, Never>) { unsafe idleWaiters.append(waiter) }

    /// Has work done before the next poll; false on another thread than the loop's.
    func putOff(_ work: @escaping @Sendable () -> Void) -> Bool {
        guard isCurrent else { return false }
        unsafe putOffWork.append(work)
        return true
    }

    private func doPutOffWork() {
        // It may put off more, which is done at once.
        while unsafe !putOffWork.isEmpty {
            let works = unsafe putOffWork
            unsafe putOffWork.removeAll(keepingCapacity: true)
            // Not watched: what it writes are lines of the log, and an overrun would be one more.
            for work in works { work() }
        }
    }

    /// What `preconditionIsolated` asks (SE-0471).
    func isIsolatingCurrentContext() -> Bool? {
        isCurrent
    }

    /// Whether the calling thread is the loop's.
    var isCurrent: Bool {
        thread.load(ordering: .acquiring) == UInt(pthread_self())
    }

    private func wake() {
        var one: UInt64 = 1
        unsafe write(wakeup, &one, MemoryLayout<UInt64>.size)
    }
}
