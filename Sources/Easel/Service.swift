import Files
import HTTPServer
import LibEvent

/// The running gateway: every part, built from top to bottom, and the order in which they stop.
@EventLoop
final class Service {
    /// What counts for requests that come now.
    private(set) var configuration: Configuration
    private let file: ConfigurationFile
    private(set) var status: ServingStatus
    private let parts: SharedParts
    private let jobs: Jobs
    private let reception: Reception
    let entrance: Entrance
    private let server: Server
    private let sweeper: Sweeper
    private let log: Log
    private let lock: FileLock

    /// How long jobs of which nothing has been bought may take to end once time is up.
    static let settling = Duration.milliseconds(250)
    /// How long clients have to read their last answers after that.
    static let farewell = Duration.seconds(1)

    /// Opens everything and listens; `file` is where the configuration comes from, and will be read again.
    ///
    /// - Throws: What could not be opened, as a sentence an operator can act on.
    init(_ configuration: Configuration, from file: ConfigurationFile) async throws(ServiceError) {
        let clock = WallClock.system
        let log = Log(threshold: configuration.logLevel)
        OpenFileLimit.raise()
        // The pool opens files of its own when it is first used, and ends the process where there are none left.
        await offload {}
        let storage = try await Storage(configuration, clock, log)
        parts = SharedParts(
            ledger: storage.ledger, blobs: storage.blobs, spool: storage.spool, clock: clock, log: log)
        let fulfilment = parts.fulfilment(configuration)
        jobs = Jobs(fulfilment: fulfilment, clock: clock)
        reception = Reception(jobs: jobs, ledger: storage.ledger, clock: clock, log: log)
        entrance = Entrance(parts.gateway(configuration, reception, fulfilment))
        do {
            server = try Server(
                on: try SocketAddress(configuration.listen), limits: .fitting(openFiles: OpenFileLimit.current),
                handler: entrance
            ) { error in
                log.warning("cannot accept connections for now", ["error": "\(error)"])
            }
        } catch {
            throw ServiceError("\(error) ('listen')")
        }
        if !storage.unfinished.isEmpty {
            log.warning("taking up jobs of an earlier run", ["jobs": "\(storage.unfinished.count)"])
            reception.resume(storage.unfinished)
        }
        sweeper = Sweeper(
            ledger: storage.ledger, blobs: storage.blobs, retention: configuration.results, clock: clock, log: log)
        self.configuration = configuration
        self.file = file
        status = ServingStatus(process: .current, configuration: FilePath.absolute(file.path))
        self.log = log
        lock = storage.lock
    }

    /// Serves until the operator says stop, then lets what runs come to its end.
    func run(until signals: OperatorSignals) async {
        watchLoop()
        log.info(
            "listening",
            [
                "address": "\(server.address)", "public_url": configuration.publicURL,
                "generation": "\(status.generation)",
            ])
        await say()
        let sweeping = EventLoop.spawn { await self.sweeper.run() }
        EventLoop.spawn { while await signals.nextReload() { await self.reload() } }
        let signal = await signals.stop.wait()
        log.info("stopping", ["signal": signal.map { "\($0)" } ?? "", "jobs": "\(jobs.count)"])
        sweeping.cancel()
        await stop(sooner: signals.haste)
    }

    // MARK: Reloading

    /// Reads the owner's file again, and puts it in place of what counts if it is right in every point.
    func reload() async {
        status.reloadsBegun += 1
        await say()
        let (file, running) = (file, configuration)
        let result: Result<Configuration, any Error>
        do {
            let configuration = try await blocking { try file.load(over: running) }
            try await parts.ledger.declare(configuration.keys, at: parts.clock.now)
            result = .success(configuration)
        } catch {
            result = .failure(error)
        }
        switch result {
        case .success(let configuration):
            adopt(configuration)
            status.mistakes = []
            log.info(
                "configuration loaded", ["generation": "\(status.generation)", "summary": configuration.summary])
        case .failure(let error):
            status.mistakes = (error as? MistakeList)?.all.map(\.description) ?? ["\(error)"]
            for mistake in status.mistakes { log.error("mistake in the configuration", ["mistake": mistake]) }
            log.error(
                "configuration refused, going on with the one before",
                ["generation": "\(status.generation)", "mistakes": "\(status.mistakes.count)"])
        }
        status.reloadsEnded += 1
        parts.meter.configurationMistakes = status.mistakes.count
        await say()
    }

    /// Puts another configuration in place of the one that counts: all of it, between two requests.
    ///
    /// Requests and jobs under way end under the configuration they began with.
    func adopt(_ configuration: Configuration) {
        let fulfilment = parts.fulfilment(configuration)
        jobs.fulfilment = fulfilment
        entrance.gateway = parts.gateway(configuration, reception, fulfilment)
        sweeper.retention = configuration.results
        log.setThreshold(configuration.logLevel)
        self.configuration = configuration
        status.generation += 1
        watchLoop()
    }

    /// Logs what keeps the event loop for longer than the owner wants to know of.
    private func watchLoop() {
        EventLoop.watch(limit: configuration.loopLimit) { [log] overrun in
            let microseconds = Int(overrun.time / .microseconds(1))
            log.warning(
                "event loop was held up",
                ["cpu.us": "\(microseconds)", "at": overrun.backtrace.prefix(12).joined(separator: " ")])
        }
    }

    /// Tells `easel reload` how things are.
    private func say() async {
        let (status, folder) = (status, configuration.data)
        do { try await blocking { try status.write(to: folder) } } catch {
            log.warning("cannot tell 'easel reload' how things are", ["error": "\(error)"])
        }
    }

    // MARK: Stopping

    /// Accepts nobody any more, finishes what can be finished in time, and leaves the rest to the next start.
    private func stop(sooner haste: Promise<Signal>) async {
        let time = configuration.stopWithin
        let closing = EventLoop.spawn { await self.server.stop(within: time + Self.settling + Self.farewell) }
        let working = EventLoop.spawn {
            await self.jobs.drain()
            _ = await closing.result
        }
        if await !ends(working, within: time, unless: haste) {
            jobs.hold()
            _ = await ends(working, within: Self.settling)
            if jobs.count > 0 { log.warning("leaving jobs to the next start", ["jobs": "\(jobs.count)"]) }
            jobs.park()
            _ = await ends(closing, within: Self.farewell)
        }
        let cut = await server.stop(within: .zero)
        await parts.ledger.close()
        await blocking { TemporaryFile.finishRemovals() }
        log.info("stopped", ["connections.cut": "\(cut)", "jobs.unfinished": "\(jobs.count)"])
    }

    /// Waits for a task for so long, and says whether it has ended; no longer once somebody is in haste.
    private func ends<Success>(
        _ task: Task<Success, any Error>, within time: Duration, unless haste: Promise<Signal>? = nil
    ) async -> Bool {
        let isOver = Promise<Bool>()
        let watches = [
            EventLoop.spawn {
                _ = await task.result
                isOver.fulfil(true)
            },
            EventLoop.spawn {
                try await EventLoop.sleep(for: time)
                isOver.fulfil(false)
            },
            EventLoop.spawn {
                if await haste?.wait() != nil { isOver.fulfil(false) }
            },
        ]
        defer { for watch in watches { watch.cancel() } }
        return await isOver.wait() ?? false
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
                let lock = try FileLock(path: folder + "/lock")
                let ledger = try Ledger(folder: folder, isDurable: isDurable) { migration in
                    log.info("upgrading the ledger", ["migration": migration])
                }
                return (
                    lock, ledger,
                    try BlobStore(folder: folder + "/blobs", isDurable: isDurable),
                    try Spool(folder: folder + "/spool", log: log)
                )
            }
            try await ledger.declare(configuration.keys, at: clock.now)
            unfinished = try await ledger.unfinished()
        } catch let error as FileError where error.isLocked {
            throw ServiceError(
                "the data folder '\(folder)' is in use by another 'easel serve'. Stop it, or change 'data'.")
        } catch let error as Refusal {
            throw ServiceError(error.message)
        } catch {
            throw ServiceError("cannot open the data folder '\(folder)': \(error)")
        }
    }
}

extension HTTPServer.Limits {
    /// Clients get half of the files that the process may open, and its work the other half.
    ///
    /// That is a connection to a provider for each client, images, the ledger: what is bought has to be written down,
    /// however many clients there are.
    fileprivate static func fitting(openFiles: Int?) -> Self {
        var limits = Self()
        if let openFiles { limits.connections = min(limits.connections, max(1, openFiles / 2)) }
        return limits
    }
}

/// Why the gateway cannot run, as a sentence.
struct ServiceError: Error, Sendable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
