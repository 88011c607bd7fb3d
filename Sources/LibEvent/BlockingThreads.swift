import CEvent
import Glibc

/// Threads for work that waits for the disk: as many as have to wait at once, kept for the work that comes after.
///
/// Waking a thread takes longer than much of what it then does. So whoever brings work wakes one only where none is on
/// its way yet; and a thread that finds more than it takes wakes the next.
@safe
final class BlockingThreads: @unchecked Sendable {
    typealias Work = @Sendable () -> Void

    static let shared = BlockingThreads()
    /// More would only queue up at the disk instead of here.
    static let limit = 16

    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let changed: UnsafeMutablePointer<pthread_cond_t>
    // Under the mutex:
    private var incoming: [Work] = []
    /// What came before that, the oldest last.
    private var outgoing: [Work] = []
    private var threadCount = 0
    private var sleepingCount = 0
    /// Whether a thread was woken or started and has not got here yet.
    private var isOneComing = false

    /// What is to be done for work that nobody has begun.
    private enum Help {
        case wake, start
    }

    private init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        unsafe changed = .allocate(capacity: 1)
        unsafe pthread_cond_init(changed, nil)
        // With one thread there will always be progress.
        threadCount = 1
        let isStarted = start()
        precondition(isStarted, "the system has no thread for the disk")
    }

    /// Has a thread do the work, in the order of coming.
    func run(_ work: @escaping Work) {
        unsafe pthread_mutex_lock(mutex)
        incoming.append(work)
        let help = neededHelp()
        unsafe pthread_mutex_unlock(mutex)
        call(help)
    }

    private func workForEver() {
        var isNew = true
        while true {
            next(isNew: isNew)()
            isNew = false
        }
    }

    /// Waits for work and takes it.
    private func next(isNew: Bool) -> Work {
        unsafe pthread_mutex_lock(mutex)
        if isNew { isOneComing = false }
        while true {
            if let work = takeOldest() {
                let help = neededHelp()
                unsafe pthread_mutex_unlock(mutex)
                call(help)
                return work
            }
            sleepingCount += 1
            unsafe pthread_cond_wait(changed, mutex)
            sleepingCount -= 1
            isOneComing = false
        }
    }

    private func takeOldest() -> Work? {
        if outgoing.isEmpty {
            outgoing = incoming.reversed()
            incoming.removeAll(keepingCapacity: true)
        }
        return outgoing.popLast()
    }

    private func neededHelp() -> Help? {
        guard !isOneComing, !incoming.isEmpty || !outgoing.isEmpty else { return nil }
        guard sleepingCount > 0 || threadCount < Self.limit else { return nil }
        isOneComing = true
        if sleepingCount > 0 { return .wake }
        threadCount += 1
        return .start
    }

    /// Not under the mutex, for which a thread that wakes up would only have to wait.
    private func call(_ help: Help?) {
        switch help {
        case .wake: unsafe pthread_cond_signal(changed)
        case .start where !start():
            // The system has none to spare: those that there are go on.
            unsafe pthread_mutex_lock(mutex)
            threadCount -= 1
            isOneComing = false
            unsafe pthread_mutex_unlock(mutex)
        case .start, nil: break
        }
    }

    /// The corresponding C function is `pthread_create`.
    private func start() -> Bool {
        var thread = pthread_t()
        let this = unsafe Unmanaged.passUnretained(self).toOpaque()  // there is one, for ever
        let code = unsafe pthread_create(
            &thread, nil,
            { this in
                guard let this = unsafe this else { return nil }
                easel_name_disk_thread()
                unsafe Unmanaged<BlockingThreads>.fromOpaque(this).takeUnretainedValue().workForEver()
                return nil
            }, this)
        guard code == 0 else { return false }
        pthread_detach(thread)
        return true
    }
}
