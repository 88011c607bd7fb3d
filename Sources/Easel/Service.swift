import Files
import HTTPServer
import LibEvent

/// The running gateway: every part, built from top to bottom, and the order in which they stop.
@EventLoop
final class Service {
    /// What counts for requests that come now.
    private(set) var configuration: Configuration
    private let parts: SharedParts
    private let jobs: Jobs
    let entrance: Entrance
    private let server: Server
    private let sweeper: Sweeper
    private let log: Log
    private let lock: FileLock

    /// Opens everything and listens.
    ///
    /// - Throws: What could not be opened, as a sentence an operator can act on.
    init(_ configuration: Configuration) async throws(ServiceError) {
        let clock = WallClock.system
        let log = Log(threshold: configuration.logLevel)
        let storage = try await Storage(configuration, clock, log)
        parts = SharedParts(
            ledger: storage.ledger, blobs: storage.blobs, spool: storage.spool, clock: clock, log: log)
        let fulfilment = parts.fulfilment(configuration)
        jobs = Jobs(fulfilment: fulfilment, clock: clock)
        entrance = Entrance(parts.gateway(configuration, jobs, fulfilment))
        do {
            server = try Server(on: try SocketAddress(configuration.listen), handler: entrance) { error in
                log.warning("cannot accept connections for now", ["error": "\(error)"])
            }
        } catch {
            throw ServiceError("\(error) ('listen')")
        }
        if !storage.unfinished.isEmpty {
            log.warning("taking up jobs of an earlier run", ["jobs": "\(storage.unfinished.count)"])
            jobs.resume(storage.unfinished)
        }
        sweeper = Sweeper(
            ledger: storage.ledger, blobs: storage.blobs, retention: configuration.results, clock: clock, log: log)
        self.configuration = configuration
        self.log = log
        lock = storage.lock
    }

    /// Puts another configuration in place of the one that counts: all of it, between two requests.
    ///
    /// Requests and jobs under way end under the configuration they began with.
    func adopt(_ configuration: Configuration) {
        let fulfilment = parts.fulfilment(configuration)
        jobs.fulfilment = fulfilment
        entrance.gateway = parts.gateway(configuration, jobs, fulfilment)
        sweeper.retention = configuration.results
        log.setThreshold(configuration.logLevel)
        self.configuration = configuration
    }

    /// Serves until the process is told to stop, then lets what runs come to its end.
    func run() async {
        log.info("listening", ["address": "\(server.address)", "public_url": configuration.publicURL])
        let sweeping = EventLoop.spawn { await self.sweeper.run() }
        let signal = await Self.signal()
        log.info("stopping", ["signal": "\(signal)", "jobs": "\(jobs.count)"])
        sweeping.cancel()
        let deadline = ContinuousClock.now + configuration.stopWithin
        let finishing = EventLoop.spawn { await self.jobs.drain() }
        let cut = await server.stop(within: configuration.stopWithin)
        await finish(finishing, until: deadline)
        await parts.ledger.close()
        await blocking { TemporaryFile.finishRemovals() }
        log.info("stopped", ["connections.cut": "\(cut)", "jobs.unfinished": "\(jobs.count)"])
    }

    /// Waits until the process is told to stop.
    private static func signal() async -> Signal {
        let told = Promise<Signal>()
        let signals = Signals([.terminate, .interrupt]) { told.fulfil($0) }
        defer { withExtendedLifetime(signals) {} }
        return await told.wait() ?? .terminate
    }

    /// Waits for the jobs under way, but not for ever: what is left is in the ledger, and told truthfully at the next start.
    private func finish(_ finishing: Task<Void, any Error>, until deadline: ContinuousClock.Instant) async {
        let isOver = Promise<Void>()
        EventLoop.spawn {
            _ = await finishing.result
            isOver.fulfil(())
        }
        EventLoop.spawn {
            try await EventLoop.sleep(for: ContinuousClock.now.duration(to: deadline))
            isOver.fulfil(())
        }
        _ = await isOver.wait()
    }
}

/// What is on disk: the ledger, the images, the bytes on their way.
private struct Storage: Sendable {
    /// Held for as long as the gateway runs: opening the rest deletes and settles what only a crash can have left.
    let lock: FileLock
    let ledger: Ledger
    let blobs: BlobStore
    let spool: Spool
    /// Jobs that an earlier run left behind.
    let unfinished: [JobStory]

    init(_ configuration: Configuration, _ clock: WallClock, _ log: Log) async throws(ServiceError) {
        let folder = configuration.data
        let isDurable = configuration.durability == .full
        do {
            (lock, ledger, blobs, spool) = try await blocking {
                try Directory(folder).create()
                return (
                    try FileLock(path: folder + "/lock"), try Ledger(folder: folder, isDurable: isDurable),
                    try BlobStore(folder: folder + "/blobs", isDurable: isDurable), try Spool(folder: folder + "/spool")
                )
            }
            unfinished = try await ledger.unfinished()
        } catch let error as FileError where error.isLocked {
            throw ServiceError(
                "the data folder '\(folder)' is in use by another 'easel serve'. Stop it, or change 'data'.")
        } catch {
            throw ServiceError("cannot open the data folder '\(folder)': \(error)")
        }
    }
}

/// Why the gateway cannot run, as a sentence.
struct ServiceError: Error, Sendable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
