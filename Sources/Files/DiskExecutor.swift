import Dispatch
import Glibc
import Synchronization

/// Where an actor that writes files runs: one of a few threads that may wait for the disk.
///
/// An actor takes one for life, so its work stays in order; different actors spread over all of them.
package final class DiskExecutor: SerialExecutor {
    private let queue: DispatchQueue

    private init(label: String) { queue = DispatchQueue(label: label) }

    /// As many as can usefully wait for one disk at a time.
    private static let all = (0..<4).map { DiskExecutor(label: "easel.disk.\($0)") }
    private static let turn = Atomic<Int>(0)
    /// How nice the threads are: by 10 more than the event loop's, so they get a tenth of its share of a busy processor.
    private static let niceness = getpriority(threadPriority, id_t(getpid())) + 10
    /// On Linux, a process's priority is that of its main thread.
    private static let threadPriority = __priority_which_t(PRIO_PROCESS.rawValue)

    /// The next executor in turn.
    package static var next: DiskExecutor { all[(turn.wrappingAdd(1, ordering: .relaxed).newValue & .max) % all.count] }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async {
            Self.giveWay()
            unsafe job.runSynchronously(on: self.asUnownedSerialExecutor())
        }
    }

    /// Has the event loop and the ledger's thread come first where there are not enough processors for all.
    ///
    /// A piece of a large image takes longer to hash and to write than a small request to answer, which would wait for
    /// several such. Said by every job, for the threads are Dispatch's. The corresponding C function is `setpriority`;
    /// where it is refused, all are equal.
    private static func giveWay() { setpriority(threadPriority, 0, niceness) }

    package func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }
}

/// An actor whose work waits for the disk.
package protocol DiskActor: Actor {
    nonisolated var executor: DiskExecutor { get }
}

extension DiskActor {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
}
