import Dispatch
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

    /// The next executor in turn.
    package static var next: DiskExecutor { all[(turn.wrappingAdd(1, ordering: .relaxed).newValue & .max) % all.count] }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { unsafe job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    package func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }
}

/// An actor whose work waits for the disk.
package protocol DiskActor: Actor {
    nonisolated var executor: DiskExecutor { get }
}

extension DiskActor {
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }
}
