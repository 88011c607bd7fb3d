import Glibc

/// A process of this machine, by its number.
package struct RunningProcess: Sendable, Hashable {
    /// Above 0: the numbers below mean whole groups to the kernel.
    package let id: Int32

    init(id: Int32) { self.id = id }

    /// This very process.
    package static var current: RunningProcess { RunningProcess(id: getpid()) }

    /// Sends `SIGHUP`, by which daemons are asked to read their configuration again.
    ///
    /// The corresponding C function is `kill`.
    package func hangUp() throws(FileError) {
        guard kill(id, SIGHUP) == 0 else {
            throw FileError(code: errno, path: "process \(id)", operation: "signal")
        }
    }
}
