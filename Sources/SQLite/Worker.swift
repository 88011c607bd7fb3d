import CSQLite
import Glibc

/// Threads that work through one queue of jobs in order, each with a connection of its own.
///
/// A pthread mutex and condition, because ThreadSanitizer understands them. The queue has no limit: every job is a task
/// that waits for its answer, so whatever bounds the tasks bounds the queue.
@safe
final class Worker<Job: Sendable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    // Under the mutex:
    private var waiting: [Job] = []
    private var isStopping = false
    private var runningThreads = 0
    private var waitingForEnd: [CheckedContinuation<Void, Never>] = []

    init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe changed = .allocate(capacity: 1)
        unsafe pthread_cond_init(changed, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(changed)
        unsafe changed.deallocate()
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Starts a thread that calls `work` with up to `limit` jobs at a time until ``stop()``, and then closes the connection.
    func start(
        name: String, connection: consuming Connection, batchLimit limit: Int,
        work: @escaping @Sendable (borrowing Connection, [Job]) -> Void
    ) throws(DatabaseError) {
        let cargo = Cargo(connection)
        locked { runningThreads += 1 }
        let failure = startThread {
            unsafe easel_name_thread(name)
            self.run(cargo.take(), limit: limit, work: work)
            self.threadEnded()
        }
        guard failure == 0 else {
            threadEnded()
            throw DatabaseError(
                code: SQLITE_NOMEM, message: "cannot start a thread: \(unsafe String(cString: strerror(failure)))")
        }
    }

    /// How many jobs no thread has taken yet.
    var waitingCount: Int { locked { waiting.count } }

    /// Queues a job; false if the worker is stopping and will not do it.
    func add(_ job: Job) -> Bool {
        let isTaken = locked {
            if !isStopping { waiting.append(job) }
            return !isStopping
        }
        // Not under the mutex, for which the thread that wakes up would only have to wait.
        if isTaken { unsafe pthread_cond_signal(changed) }
        return isTaken
    }

    /// Lets the threads end once nothing is queued.
    func stop() {
        locked {
            isStopping = true
            unsafe pthread_cond_broadcast(changed)
        }
    }

    /// Stops, and returns when every job is done and every connection closed.
    func finish() async {
        stop()
        await withCheckedContinuation { continuation in
            let isRunning = locked {
                if runningThreads > 0 { waitingForEnd.append(continuation) }
                return runningThreads > 0
            }
            if !isRunning { continuation.resume() }
        }
    }

    private func run(
        _ connection: consuming Connection, limit: Int, work: (borrowing Connection, [Job]) -> Void
    ) {
        while true {
            let batch = takeWaiting(upTo: limit)
            if batch.isEmpty { return }
            work(connection, batch)
        }
    }

    /// Waits for jobs; none means that the worker has stopped.
    private func takeWaiting(upTo limit: Int) -> [Job] {
        locked {
            while waiting.isEmpty && !isStopping { unsafe pthread_cond_wait(changed, mutex) }
            guard waiting.count > limit else {
                defer { waiting = [] }
                return waiting
            }
            defer { waiting.removeFirst(limit) }
            return Array(waiting.prefix(limit))
        }
    }

    private func threadEnded() {
        let ended = locked {
            runningThreads -= 1
            defer { if runningThreads == 0 { waitingForEnd = [] } }
            return runningThreads == 0 ? waitingForEnd : []
        }
        for continuation in ended { continuation.resume() }
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body()
    }
}

/// Carries a connection from the thread that opened it to the one that will use it.
private final class Cargo: @unchecked Sendable {
    private var connection: Connection?

    init(_ connection: consuming Connection) { self.connection = consume connection }

    /// Hands the connection over, once.
    func take() -> Connection {
        guard let connection = connection.take() else { preconditionFailure("the connection has been taken") }
        return connection
    }
}

/// Starts a detached thread and returns 0, or an errno.
///
/// The corresponding C function is `pthread_create`.
private func startThread(_ body: @escaping @Sendable () -> Void) -> CInt {
    final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    let context = unsafe Unmanaged.passRetained(Body(body))
    var thread = pthread_t()
    let code = unsafe pthread_create(
        &thread, nil,
        { context in
            guard let context = unsafe context else { return nil }
            unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
            return nil
        }, context.toOpaque())
    guard code == 0 else {
        unsafe context.release()
        return code
    }
    pthread_detach(thread)
    return 0
}
