/// The thread that owns every socket.
///
/// Code marked `@EventLoop` runs there one piece at a time, so it needs no locks.
@globalActor
@safe
package actor EventLoop {
    package static let shared = EventLoop()

    nonisolated let executor = LoopExecutor()

    /// Kept, for Swift asks it of every asynchronous call.
    package nonisolated let unownedExecutor: UnownedSerialExecutor

    private init() { unsafe unownedExecutor = executor.asUnownedSerialExecutor() }

    /// Turns the calling thread into the event loop until ``stop()``.
    package nonisolated static func run() {
        shared.executor.run()
    }

    /// Lets ``run()`` return once no job is waiting.
    package nonisolated static func stop() {
        shared.executor.stop()
    }

    /// Starts a task whose every resumption happens on the loop's thread.
    ///
    /// A plain `Task { @EventLoop in … }` is correct but slower: it has no executor
    /// preference, so each continuation resumes on the global pool and hops back.
    @discardableResult
    package nonisolated static func spawn<Success: Sendable>(
        _ operation: @escaping @EventLoop @Sendable () async throws -> Success
    ) -> Task<Success, any Error> {
        Task(executorPreference: shared.executor, operation: operation)
    }

    /// Suspends the task until no other is ready to go on: all of them wait for a socket, a timer or another thread.
    ///
    /// With it, whoever decides what those others wait for can let them go on one at a time, in an order that repeats.
    @EventLoop package static func idle() async {
        await withCheckedContinuation { shared.executor.resumeWhenIdle($0) }
    }

    /// Puts work off until the loop has done all that is ready, and is about to look at its sockets again.
    ///
    /// For what is cheaper done once for many. On any other thread nothing happens.
    ///
    /// - Returns: Whether the work will be done.
    package nonisolated static func putOff(_ work: @escaping @Sendable () -> Void) -> Bool {
        shared.executor.putOff(work)
    }

    /// Enters the isolation that a C callback on the loop's thread already has, with what the callback was given.
    ///
    /// Custom global actors have no `assumeIsolated` of their own; the cast is how the
    /// standard library does it for `MainActor`. There the operation captures what it works on, and is allocated for it
    /// twice; here it need not capture anything.
    package nonisolated static func assumeIsolated<Input, Output>(
        _ input: Input, _ operation: @escaping @EventLoop (Input) -> Output
    ) -> Output {
        precondition(shared.executor.isCurrent, "this runs on the event loop's thread only")
        let operation = unsafe unsafeBitCast(operation, to: ((Input) -> Output).self)
        return shared.executor.measured { operation(input) }
    }

    /// Tells from now on of every piece of work that takes more of the thread's processor time than a limit; with `nil`
    /// of none.
    @EventLoop package static func watch(limit: Duration?, told: @escaping @Sendable (Overrun) -> Void) {
        unsafe shared.executor.watch = limit.map { LoopWatch(limit: $0, told: told) }
    }
}

/// Runs work that would hold up the loop on the global pool instead.
///
/// `@concurrent` alone does not leave the loop: the task prefers the loop's thread.
package func offload<Success: Sendable>(_ work: @Sendable () -> Success) async -> Success {
    await withTaskExecutorPreference(globalConcurrentExecutor) { work() }
}

/// Runs work that waits for the disk on threads that may wait.
///
/// The pool behind ``offload(_:)`` has one thread per core and does not grow: a few slow writes would stop all of it.
package func blocking<Success: Sendable, Failure: Error>(
    _ work: @escaping @Sendable () throws(Failure) -> Success
) async throws(Failure) -> Success {
    let result: Result<Success, Failure> = await withCheckedContinuation { continuation in
        startBlocking {
            do throws(Failure) {
                continuation.resume(returning: .success(try work()))
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
    }
    return try result.get()
}

/// Begins work that waits for the disk, as ``blocking(_:)`` does, and does not wait for its end.
package func startBlocking(_ work: @escaping @Sendable () -> Void) { BlockingThreads.shared.run(work) }
