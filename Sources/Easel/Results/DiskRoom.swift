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
    private let clock: WallClock
    private let log: Log
    /// When the disk last had room, as far as anybody has asked.
    private var hadRoom: Timestamp?

    /// How long room that was there is taken to be there still; a full disk is asked each time.
    static let belief = Duration.seconds(1)

    init(
        minimum: Int, clock: WallClock, log: Log, freeSpace: @escaping @EventLoop @Sendable () async throws -> Int
    ) {
        self.minimum = minimum
        self.clock = clock
        self.freeSpace = freeSpace
        self.log = log
    }

    /// That of the disk that a folder is on.
    convenience init(in folder: String, minimum: Int, clock: WallClock, log: Log) {
        self.init(minimum: minimum, clock: clock, log: log) {
            try await blocking { () throws(FileError) in try Directory(folder).freeSpace() }
        }
    }

    /// Insists on room.
    ///
    /// - Throws: ``GatewayError/noRoom()``, or ``GatewayError/noDataFolder()``. A disk that is there and does not say how
    ///   full it is counts as one that has room.
    func check() async throws(GatewayError) {
        let now = clock.now
        // A clock that was set back would otherwise make an old answer last.
        if minimum == 0 || hadRoom.map({ (.zero..<Self.belief).contains(now - $0) }) == true { return }
        // Those who come while the disk is asked go by what it said last.
        if hadRoom != nil { hadRoom = now }
        let free: Int
        do { free = try await freeSpace() } catch {
            log.error("cannot tell how full the disk is", ["error": "\(error)"])
            guard let error = error as? FileError, error.isMissing else { return }
            hadRoom = nil
            throw .noDataFolder()
        }
        hadRoom = free < minimum ? nil : now
        guard free < minimum else { return }
        log.error("disk is nearly full, nothing is bought", ["free.bytes": "\(free)", "min_free.bytes": "\(minimum)"])
        throw .noRoom()
    }
}
