import HTTPClient
import LibEvent

/// What lives as long as the process, whatever becomes of the configuration: the data, the connections, the jobs.
@EventLoop
final class SharedParts {
    let ledger: Ledger
    let blobs: BlobStore
    let spool: Spool
    let clock: WallClock
    let log: Log
    let meter = Meter()
    private let keys: Keys
    private let gauges: MetricsPage.DiskGauges
    private let published = PublishedInputs.Images()
    /// What goes to each provider, by name: who waits goes on waiting, and what failed is remembered.
    private var traffic: [String: (provider: Configuration.Provider, traffic: ProviderTraffic)] = [:]
    /// Speaks with providers.
    private let providers = HTTPClient(addresses: .any)
    /// Fetches what outsiders name, and the private addresses that it may fetch all the same.
    private var outside: (allowed: [String], client: HTTPClient)?

    init(ledger: Ledger, blobs: BlobStore, spool: Spool, clock: WallClock, log: Log) {
        self.ledger = ledger
        self.blobs = blobs
        self.spool = spool
        self.clock = clock
        self.log = log
        keys = Keys(ledger: ledger, clock: clock, log: log)
        gauges = MetricsPage.DiskGauges(ledger: ledger, folder: spool.folder, clock: clock)
    }

    /// Works on jobs as a configuration has it.
    func fulfilment(_ configuration: Configuration) -> Fulfilment {
        let (fetcher, check) = (fetcher(configuration, decodes: true), check(configuration))
        let means = AttemptRun.Means(
            ledger: ledger, connections: connections(configuration),
            sandbox: Sandbox(spool: spool, pixelLimit: configuration.limits.pixels),
            results: Results(blobs: blobs, fetcher: fetcher, spool: spool, check: check, clock: clock, log: log),
            room: DiskRoom(in: spool.folder, minimum: configuration.results.minFree, clock: clock, log: log),
            meter: meter, clock: clock, log: log)
        return Fulfilment(means: means, inputs: inputs(configuration), configuration: configuration)
    }

    /// Answers requests as a configuration has it.
    func gateway(_ configuration: Configuration, _ reception: Reception, _ fulfilment: Fulfilment) -> Gateway {
        Gateway(
            configuration: configuration, ledger: ledger, keys: keys,
            bodies: BodyReader(spool: spool, lengthLimit: configuration.limits.body), inputs: inputs(configuration),
            reception: reception, fulfilment: fulfilment,
            files: FileServer(ledger: ledger, blobs: blobs, published: published(configuration), log: log),
            metrics: metrics(configuration, reception.jobs), meter: meter, clock: clock, log: log)
    }

    private func metrics(_ configuration: Configuration, _ jobs: Jobs) -> MetricsPage {
        meter.counts.expect(configuration)
        return MetricsPage(
            configuration: configuration, meter: meter, jobs: jobs,
            traffic: configuration.providers.values.map { traffic(to: $0) }, ledger: ledger, gauges: gauges)
    }

    private func connections(_ configuration: Configuration) -> [String: any ProviderConnection] {
        configuration.providers.mapValues { provider in
            Upstream(provider, client: providers, spool: spool, traffic: traffic(to: provider))
        }
    }

    private func traffic(to provider: Configuration.Provider) -> ProviderTraffic {
        guard let (earlier, traffic) = traffic[provider.name] else {
            let traffic = ProviderTraffic(to: provider.name, provider.traffic, clock: clock, log: log)
            self.traffic[provider.name] = (provider, traffic)
            return traffic
        }
        traffic.update(provider.traffic)
        if !provider.isReached(like: earlier) { traffic.forgive() }
        self.traffic[provider.name] = (provider, traffic)
        return traffic
    }

    private func inputs(_ configuration: Configuration) -> Inputs {
        Inputs(
            spool: spool, fetcher: fetcher(configuration, decodes: false), check: check(configuration),
            published: published(configuration), lengthLimit: configuration.limits.body)
    }

    private func published(_ configuration: Configuration) -> PublishedInputs {
        PublishedInputs(publicURL: configuration.publicURL, images: published)
    }

    private func check(_ configuration: Configuration) -> ImageCheck {
        ImageCheck(pixelLimit: configuration.limits.pixels)
    }

    /// What a client names must not keep the loop busy with decoding; what a provider made is paid for.
    private func fetcher(_ configuration: Configuration, decodes: Bool) -> Fetcher {
        Fetcher(
            client: outside(configuration), spool: spool, lengthLimit: configuration.limits.body,
            timeout: configuration.downloadTimeout, decodes: decodes)
    }

    private func outside(_ configuration: Configuration) -> HTTPClient {
        if let outside, outside.allowed == configuration.allowPrivate { return outside.client }
        let ranges = configuration.allowPrivate.compactMap { AddressRange($0) }
        let client = HTTPClient(addresses: .publicOnly(except: ranges))
        outside = (configuration.allowPrivate, client)
        return client
    }
}

extension Configuration.Provider {
    /// Whether requests go to the same place with the same key, so that what has failed before would again.
    fileprivate func isReached(like other: Configuration.Provider) -> Bool {
        (dialect.name, baseURL, apiKey, paths, headers)
            == (other.dialect.name, other.baseURL, other.apiKey, other.paths, other.headers)
    }
}
