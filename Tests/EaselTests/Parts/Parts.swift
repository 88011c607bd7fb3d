import Crypto
import Files
import HTTP
import HTTPClient
import HTTPServer
import JSON
import LibEvent
import YAML

@testable import Easel

/// The gateway's real parts, put together as the service does, in a folder of their own and by a clock that a test turns.
@EventLoop
final class Parts {
    let folder: TemporaryFolder
    let clock: ManualClock
    let lines = LogLines()
    let configuration: Configuration
    let ledger: Ledger
    let spool: Spool
    let blobs: BlobStore
    let results: Results
    let meter = Meter()
    let jobs: Jobs
    let reception: Reception
    let gateway: Gateway
    let sweeper: Sweeper

    /// `configuration` is the owner's file, in which dialects may be those of ``dialects``.
    init(
        _ configuration: String = sandbox, in folder: TemporaryFolder = TemporaryFolder(),
        clock: ManualClock = ManualClock()
    ) throws {
        self.folder = folder
        self.clock = clock
        self.configuration = try Self.read(configuration)
        let (wallClock, log) = (clock.wallClock, lines.log)
        meter.counts.expect(self.configuration)
        ledger = try Ledger(folder: folder.path, isDurable: false)
        spool = try Spool(folder: "\(folder.path)/spool")
        blobs = try BlobStore(folder: "\(folder.path)/blobs", isDurable: false)
        let addresses = self.configuration.allowPrivate.compactMap { AddressRange($0) }
        let limits = self.configuration.limits
        let fetcher = Fetcher(
            client: HTTPClient(addresses: .publicOnly(except: addresses)), spool: spool, lengthLimit: limits.body)
        let check = ImageCheck(pixelLimit: limits.pixels)
        let published = PublishedInputs(publicURL: self.configuration.publicURL)
        let inputs = Inputs(
            spool: spool, fetcher: fetcher, check: check, published: published, lengthLimit: limits.body)
        results = Results(blobs: blobs, fetcher: fetcher, spool: spool, check: check, clock: wallClock, log: log)
        let (client, spool) = (HTTPClient(addresses: .any), spool)
        let traffic = self.configuration.providers.mapValues { provider in
            ProviderTraffic(to: provider.name, provider.traffic, clock: wallClock, log: log)
        }
        let means = AttemptRun.Means(
            ledger: ledger,
            connections: self.configuration.providers.mapValues { provider in
                Upstream(
                    provider, client: client, spool: spool,
                    traffic: traffic[provider.name]
                        ?? ProviderTraffic(to: provider.name, provider.traffic, clock: wallClock, log: log))
            },
            sandbox: Sandbox(spool: spool, pixelLimit: limits.pixels), results: results,
            room: DiskRoom(
                in: folder.path, minimum: self.configuration.results.minFree, clock: wallClock, log: log),
            meter: meter, clock: wallClock, log: log)
        let fulfilment = Fulfilment(means: means, inputs: inputs, configuration: self.configuration)
        jobs = Jobs(fulfilment: fulfilment, clock: wallClock)
        reception = Reception(jobs: jobs, ledger: ledger, clock: wallClock, log: log)
        gateway = Gateway(
            configuration: self.configuration, ledger: ledger,
            keys: Keys(ledger: ledger, clock: wallClock, log: log),
            bodies: BodyReader(spool: spool, lengthLimit: limits.body), inputs: inputs,
            reception: reception, fulfilment: fulfilment,
            files: FileServer(ledger: ledger, blobs: blobs, published: published, log: log),
            metrics: MetricsPage(
                configuration: self.configuration, meter: meter, jobs: jobs, traffic: Array(traffic.values),
                ledger: ledger,
                gauges: MetricsPage.DiskGauges(ledger: ledger, folder: folder.path, clock: .system)),
            meter: meter, clock: wallClock, log: log)
        sweeper = Sweeper(
            ledger: ledger, blobs: blobs, retention: self.configuration.results, clock: wallClock, log: log)
    }

    func close() async { await ledger.close() }

    /// Makes a key and a submission for it, as the gateway would.
    func submission(
        _ model: String, count: Int = 1, prompt: String = "an otter", parameters: [Parameter: JSONValue] = [:],
        name: String? = nil, fingerprint: Digest? = nil
    ) -> Submission {
        let order = ImageOrder(
            operation: .generate, model: model, prompt: prompt, count: count, parameters: parameters)
        return Submission(
            order: order, delivery: .url, requestLength: 100, idempotencyKey: name, fingerprint: fingerprint)
    }

    /// Does a job to its end, and tells what the ledger knows of it.
    func run(_ submission: Submission) async throws -> (ending: JobEnding?, story: JobStory?) {
        let (key, _) = try await ledger.createKey(name: "test", models: nil, at: clock.now)
        let job = try jobs.start(submission, id: RequestID.make(at: clock.now), key: key)
        return (await job.ending.wait(), try await ledger.job(job.id))
    }

    /// Sends the gateway a request with a key.
    func send(
        _ method: HTTP.Method, _ target: String, key: Secret? = nil, fields: Fields = [:], body: [UInt8] = [],
        presence: Presence = Presence()
    ) async throws -> Response {
        var fields = fields
        if let key { fields["authorization"] = "Bearer \(key.reveal())" }
        let peer = try Peer(address: SocketAddress("127.0.0.1:9"), presence: presence)
        return await gateway.respond(
            to: Request(method: method, target: target, fields: fields), body: RequestBody(body), peer: peer)
    }

    nonisolated static let sandbox = """
        providers: {offline: {dialect: sandbox}}
        models:
          sandbox: {routes: [{provider: offline, price: 0}]}
        aliases: {dall-e-3: sandbox}
        defaults: {generate: sandbox, edit: sandbox}
        """

    /// A file with providers at these addresses, and a model `otter` whose routes they are in this order.
    nonisolated static func routes(
        _ urls: String..., dialect: String = "plain", price: String? = "0.025", timeout: String = "60s"
    ) -> String {
        let providers = urls.enumerated().map {
            "  p\($0): {dialect: \(dialect), api_key: secret, base_url: \($1), timeout: \(timeout)}"
        }
        let routes = urls.indices.map { "      - {provider: p\($0)\(price.map { ", price: \($0)" } ?? "")}" }
        return """
            allow_private: [127.0.0.0/8]
            providers:
            \(providers.joined(separator: "\n"))
            models:
              otter:
                routes:
            \(routes.joined(separator: "\n"))
            """
    }

    /// What a file says, in which dialects may be those of ``dialects``.
    nonisolated static func read(_ text: String) throws -> Configuration {
        var catalog = try BuiltinDialects.catalog()
        for (name, text) in dialects {
            catalog.add(try DialectCompiler.compile(text: Array(text.utf8), name: name, file: name).get())
        }
        return try ConfigurationReader.read(
            try Document.parse(text), file: "easel.yaml", dialects: catalog, environment: { _ in nil }
        ).get()
    }

    /// Dialects of providers that do not exist.
    private nonisolated static let dialects = [
        "plain": """
        title: Plain
        auth: {Authorization: "Bearer ${api_key}"}
        operations: [generate]
        request: {POST: /make, json: {model: $model, prompt: $prompt, n: $n}}
        answer: {images: "data[]", url: url, b64: b64_json}
        limits: {n: 1..4}
        expires: 1h
        """,
        "single": """
        title: Single
        auth: {Authorization: "Bearer ${api_key}"}
        operations: [generate]
        request: {POST: /make, json: {prompt: $prompt, seed: $seed}}
        answer: {images: "data[]", url: url, b64: b64_json}
        """,
        "queue": """
        title: Queue
        auth: {Authorization: "Bearer ${api_key}"}
        operations: [generate]
        request: {POST: /queue, json: {prompt: $prompt}}
        queue:
          task: id
          status: {GET: "/queue/${task}", state: state, waiting: [busy], done: [ready], cancelled: [stopped]}
          failed_if: [error]
          result: {GET: "/queue/${task}/result"}
          cancel: {DELETE: "/queue/${task}", too_late: [409]}
          every: 3s
        answer: {images: "data[]", url: url, b64: b64_json}
        """,
    ]
}
