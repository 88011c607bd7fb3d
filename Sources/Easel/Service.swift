import Files
import HTTPClient
import HTTPServer
import LibEvent

/// The running gateway: every part, built from top to bottom, and the order in which they stop.
@EventLoop
final class Service {
    private let configuration: Configuration
    private let ledger: Ledger
    private let jobs: Jobs
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
        let (ledger, blobs, spool) = (storage.ledger, storage.blobs, storage.spool)

        let outside = HTTPClient(
            addresses: .publicOnly(except: configuration.allowPrivate.compactMap { AddressRange($0) }))
        let providers = HTTPClient(addresses: .any)
        let fetcher = Fetcher(client: outside, spool: spool, lengthLimit: configuration.limits.body)
        let check = ImageCheck(pixelLimit: configuration.limits.pixels)

        let published = PublishedInputs(publicURL: configuration.publicURL)
        let inputs = Inputs(
            spool: spool, fetcher: fetcher, check: check, published: published, lengthLimit: configuration.limits.body)
        let results = Results(blobs: blobs, fetcher: fetcher, spool: spool, check: check, clock: clock, log: log)
        let means = AttemptRun.Means(
            ledger: ledger,
            connections: configuration.providers.mapValues { Upstream($0, client: providers, spool: spool) },
            sandbox: Sandbox(spool: spool, pixelLimit: configuration.limits.pixels), results: results, clock: clock,
            log: log)
        let fulfilment = Fulfilment(means: means, inputs: inputs, configuration: configuration)
        jobs = Jobs(fulfilment: fulfilment, clock: clock)

        let gateway = Gateway(
            configuration: configuration, ledger: ledger, keys: Keys(ledger: ledger, clock: clock, log: log),
            bodies: BodyReader(spool: spool, lengthLimit: configuration.limits.body), inputs: inputs, jobs: jobs,
            files: FileServer(ledger: ledger, blobs: blobs, published: published, log: log), clock: clock, log: log)
        do {
            server = try Server(on: try SocketAddress(configuration.listen), handler: gateway) { error in
                log.warning("cannot accept connections for now", ["error": "\(error)"])
            }
        } catch {
            throw ServiceError(
                "cannot listen on \(configuration.listen): \(error). Is another program using the port? Change 'listen'."
            )
        }
        if !storage.unfinished.isEmpty {
            log.warning("taking up jobs of an earlier run", ["jobs": "\(storage.unfinished.count)"])
            jobs.resume(storage.unfinished)
        }
        sweeper = Sweeper(ledger: ledger, blobs: blobs, retention: configuration.results, clock: clock, log: log)
        self.configuration = configuration
        self.ledger = ledger
        self.log = log
        lock = storage.lock
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
        await ledger.close()
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
