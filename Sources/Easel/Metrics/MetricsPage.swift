import Crypto
import Files
import HTTP
import HTTPServer
import LibEvent
import SQLite

/// Answers `GET /metrics`, as one configuration has it.
///
/// Nothing is asked of a provider for it, and of the ledger one row.
@EventLoop
final class MetricsPage {
    private let configuration: Configuration
    private let meter: Meter
    private let jobs: Jobs
    /// Of the configured providers, in the order of their names.
    private let traffic: [ProviderTraffic]
    private let ledger: Ledger
    private let gauges: DiskGauges

    /// What is read from the disk; it outlives a configuration, so that readings of a disk that hangs do not pile up.
    struct DiskGauges: Sendable {
        let storedBytes: SlowGauge<Int>
        let freeBytes: SlowGauge<Int>

        @EventLoop init(ledger: Ledger, folder: String, clock: WallClock) {
            storedBytes = SlowGauge(clock: clock) { try await ledger.storedBytes() }
            freeBytes = SlowGauge(clock: clock) {
                try await blocking { () throws(FileError) in try Directory(folder).freeSpace() }
            }
        }
    }

    init(
        configuration: Configuration, meter: Meter, jobs: Jobs, traffic: [ProviderTraffic], ledger: Ledger,
        gauges: DiskGauges
    ) {
        self.configuration = configuration
        self.meter = meter
        self.jobs = jobs
        self.traffic = traffic.sorted { $0.provider < $1.provider }
        self.ledger = ledger
        self.gauges = gauges
    }

    func response(to request: Request, from peer: Peer) async throws(GatewayError) -> Response {
        try MetricsAccess(configuration).check(request, from: peer.address)
        let snapshot = await snapshot()
        // With hundreds of models the page is long.
        let page = await offload { snapshot.page.bytes }
        return Response(
            .ok, fields: ["content-type": Exposition.mediaType, "cache-control": "no-store"], body: .bytes(page))
    }

    private func snapshot() async -> MetricsSnapshot {
        let (stored, free) = (await gauges.storedBytes.value(), await gauges.freeBytes.value())
        let process = await offload { try? ProcessUsage.current() }
        return MetricsSnapshot(
            version: EaselCommand.version, configurationMistakes: meter.configurationMistakes, counts: meter.counts,
            jobs: jobs.states, jobLimit: configuration.limits.jobs,
            providers: traffic.map(MetricsSnapshot.Provider.init),
            bodies: MetricsSnapshot.Room(
                used: jobs.uses.bytes.count, limit: configuration.limits.holdings.all),
            waitingWrites: ledger.database.waitingWrites,
            commits: (ledger.database.commitCount, ledger.database.commitTime),
            images: MetricsSnapshot.Room(used: stored, limit: configuration.results.maxDisk),
            freeDisk: free, minFreeDisk: configuration.results.minFree, process: process)
    }
}

extension MetricsSnapshot.Provider {
    @EventLoop fileprivate init(_ traffic: ProviderTraffic) {
        self.init(
            name: traffic.provider, inFlight: traffic.underWayCount, concurrency: traffic.limits.concurrency,
            waiting: traffic.waitingCount, queue: traffic.limits.queue, pause: traffic.pause ?? .zero,
            breaker: traffic.breakerPhase)
    }
}
