import Files
import LibEvent

/// Whether the disk has room for what is about to be bought.
///
/// An image that was paid for waits for room on a full disk, and so does its client; what is not bought need not wait.
@EventLoop
final class DiskRoom {
    /// Bytes that have to be free before anything is bought.
    private let minimum: Int
    private let freeSpace: @EventLoop @Sendable () async throws -> Int
    private let log: Log

    init(minimum: Int, log: Log, freeSpace: @escaping @EventLoop @Sendable () async throws -> Int) {
        self.minimum = minimum
        self.freeSpace = freeSpace
        self.log = log
    }

    /// That of the disk that a folder is on.
    convenience init(in folder: String, minimum: Int, log: Log) {
        self.init(minimum: minimum, log: log) {
            try await blocking { () throws(FileError) in try Directory(folder).freeSpace() }
        }
    }

    /// Insists on room.
    ///
    /// - Throws: ``GatewayError/noRoom()``. A disk that does not say how full it is counts as one that has room.
    func check() async throws(GatewayError) {
        guard minimum > 0 else { return }
        let free: Int
        do { free = try await freeSpace() } catch {
            return log.error("cannot tell how full the disk is", ["error": "\(error)"])
        }
        guard free < minimum else { return }
        log.error("disk is nearly full, nothing is bought", ["free.bytes": "\(free)", "min_free.bytes": "\(minimum)"])
        throw .noRoom()
    }
}
