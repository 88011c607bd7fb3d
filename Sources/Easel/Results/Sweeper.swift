import Crypto
import Files
import LibEvent
import SQLite

/// Forgets images whose time is over, and the oldest when they take more room than they may; and deletes files that a
/// crash has kept from being written down.
@EventLoop
final class Sweeper {
    private let ledger: Ledger
    private let blobs: BlobStore
    /// What may stay, as the owner decides now.
    var retention: Configuration.Retention
    private let clock: WallClock
    private let log: Log
    /// When this run of the process began.
    private let start: Timestamp

    /// How often it looks.
    static let interval = Duration.seconds(60)
    /// Images that one step forgets or looks up, so that a long sweep does not hold up other writes and reads.
    static let stepLength = 100
    /// The least rest between two folders that are searched for orphans; it rests as long as it has worked.
    static let rest = Duration.milliseconds(10)

    init(ledger: Ledger, blobs: BlobStore, retention: Configuration.Retention, clock: WallClock, log: Log) {
        self.ledger = ledger
        self.blobs = blobs
        self.retention = retention
        self.clock = clock
        self.log = log
        start = clock.now
    }

    /// Sweeps now and again until its task is cancelled; looks once for what a crash has left.
    func run() async {
        await sweep()
        await deleteOrphans()
        while !Task.isCancelled, (try? await clock.sleep(for: Self.interval)) != nil { await sweep() }
    }

    /// Forgets everything that is due.
    func sweep() async {
        do {
            var count = 0
            if let keep = retention.keep {
                count += try await forget {
                    try await self.ledger.imagesStored(before: self.clock.now - keep, limit: Self.stepLength)
                }
            }
            if let maxDisk = retention.maxDisk {
                count += try await forget { try await self.ledger.oldestImages(over: maxDisk, limit: Self.stepLength) }
            }
            if count > 0 { log.info("swept images", ["images": "\(count)"]) }
        } catch {
            // A gateway that stops does not wait for it, and closes the ledger.
            if !Task.isCancelled { log.error("sweeping failed", ["error": "\(error)"]) }
        }
    }

    /// Deletes the images that no row of the ledger names: their run crashed after it had put them in place.
    ///
    /// Those of this run are left alone, as their jobs may be about to write them down. It goes through the folders one
    /// at a time and takes its time, for there may be millions of images and nothing waits for it.
    func deleteOrphans() async {
        var (count, length) = (0, 0)
        do {
            for prefix in BlobPaths.prefixes {
                let began = clock.now
                for file in try await orphans(prefix) {
                    let ledger = ledger
                    let isGone = try await blobs.remove(file.digest) { try await !ledger.hasBlob(file.digest) }
                    guard isGone else { continue }
                    count += 1
                    length &+= file.length
                }
                try await clock.sleep(for: max(Self.rest, clock.now - began))
            }
        } catch {
            if !Task.isCancelled { log.error("looking for orphaned images failed", ["error": "\(error)"]) }
        }
        if count > 0 { log.warning("deleted orphaned images", ["images": "\(count)", "bytes": "\(length)"]) }
    }

    private func orphans(_ prefix: UInt8) async throws -> [BlobPaths.File] {
        let (paths, start) = (blobs.paths, start)
        let files = try await blocking { () throws(FileError) in
            try paths.files(prefix).images.filter { $0.modified < start }
        }
        var orphans: [BlobPaths.File] = []
        for first in stride(from: 0, to: files.count, by: Self.stepLength) {
            let some = files[first..<min(first + Self.stepLength, files.count)]
            let written = try await ledger.haveBlobs(some.map(\.digest))
            orphans += zip(some, written).filter { !$1 }.map(\.0)
        }
        return orphans
    }

    private func forget(_ due: @EventLoop () async throws -> [OldImage]) async throws -> Int {
        var count = 0
        while true {
            var progressed = 0
            var rows: [Int] = []
            for image in try await due() {
                switch image {
                case .row(let id): rows.append(id)
                case .file(let digest):
                    let ledger = ledger
                    let isGone = try await blobs.remove(digest) { try await ledger.forgetBlob(digest) }
                    if isGone { progressed += 1 }
                }
            }
            if !rows.isEmpty { try await ledger.forgetSmallImages(rows) }
            progressed += rows.count
            count += progressed
            if progressed == 0 { return count }
        }
    }
}
