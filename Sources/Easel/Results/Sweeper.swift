import Crypto
import LibEvent
import SQLite

/// Forgets images whose time is over, and the oldest when they take more room than they may.
@EventLoop
final class Sweeper {
    private let ledger: Ledger
    private let blobs: BlobStore
    /// What may stay, as the owner decides now.
    var retention: Configuration.Retention
    private let clock: WallClock
    private let log: Log

    /// How often it looks.
    static let interval = Duration.seconds(60)
    /// Images that one step forgets, so that a long sweep does not hold up other writes.
    static let stepLength = 100

    init(ledger: Ledger, blobs: BlobStore, retention: Configuration.Retention, clock: WallClock, log: Log) {
        self.ledger = ledger
        self.blobs = blobs
        self.retention = retention
        self.clock = clock
        self.log = log
    }

    /// Sweeps now and again until its task is cancelled.
    func run() async {
        while !Task.isCancelled {
            await sweep()
            try? await clock.sleep(for: Self.interval)
        }
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
            log.error("sweeping failed", ["error": "\(error)"])
        }
    }

    private func forget(_ due: @EventLoop () async throws -> [Digest]) async throws -> Int {
        var count = 0
        while true {
            var progressed = 0
            for digest in try await due() {
                let ledger = ledger
                let isGone = try await blobs.remove(digest) { try await ledger.forgetBlob(digest) }
                if isGone { progressed += 1 }
            }
            count += progressed
            if progressed == 0 { return count }
        }
    }
}
