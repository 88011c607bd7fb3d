package import YAML

/// Everything the owner decides, checked: what is here can be served.
package struct Configuration: Sendable {
    /// Where to listen, as `address:port`.
    package var listen = "127.0.0.1:8080"
    /// What result links begin with, without a slash at the end.
    var publicURL = "http://127.0.0.1:8080"
    /// The folder of the database and the images.
    package var data = "./var"
    var providers: [String: Provider] = [:]
    /// The models a client may name, in the order of the file.
    var models: [Model] = []
    /// Other names for models, such as those that client libraries hard-code.
    var aliases: [String: String] = [:]
    var defaults = Defaults()
    var results = Retention()
    /// Keys that the file declares, beside those that commands make.
    var keys: [DeclaredKey] = []
    var limits = BodyLimits()
    /// How long one try to download a result or an input image may take.
    var downloadTimeout = Self.defaultDownloadTimeout
    /// Private addresses that result and input URLs may lead to all the same.
    var allowPrivate: [String] = []
    /// Refuse what would otherwise be clamped or dropped, for every request.
    var strict = false
    /// What prices are in; only ever shown.
    var currency = "USD"
    /// How long a client without a preference of its own waits for its images before it is told where to ask for them;
    /// `nil` is until they are there.
    var answerWithin: Duration?
    /// How long a client's own name for a request, its `Idempotency-Key`, is remembered once the request's job has ended.
    var idempotency = Duration.seconds(86_400)
    /// How long running requests may go on after SIGTERM.
    package var stopWithin = Duration.seconds(30)
    /// Whether a commit waits for the disk.
    var durability = Durability.full
    var logLevel = Log.Level.info
    /// What has to be sent to read `/metrics`; without it only somebody on the same machine may.
    var metricsToken: Secret?
    /// Processor time of the event loop beyond which a piece of work is logged; `nil` is none.
    var loopLimit: Duration?

    struct Provider: Sendable {
        var name: String
        var dialect: Dialect
        var baseURL: String?
        var apiKey: Secret
        /// Paths that the provider's page leaves open, by the names the dialect gives them.
        var paths: [String: String]
        /// Header fields in place of the dialect's of the same name, such as another scheme of authorization.
        var headers: [String: String]
        /// How many paid requests go there, how often, and what happens to those that have to wait.
        var traffic = TrafficLimits()
        /// How long a connection may take: name, TCP and TLS.
        var connectTimeout = Duration.seconds(10)
        /// How long the answer to a paid request may take, from the request's first byte to the answer's last.
        var timeout = Duration.seconds(600)
        /// How long a body that is under way may stand still.
        var idleTimeout = Duration.seconds(120)
        /// How long the answer to one poll may be in coming.
        var pollTimeout = Duration.seconds(30)
        /// How long a queue task may take as a whole.
        var jobTimeout = Duration.seconds(3600)
    }

    /// An image of 50 MB at 200 kB/s.
    static let defaultDownloadTimeout = Duration.seconds(300)

    struct Model: Sendable {
        var name: String
        /// In order of preference.
        var routes: [Route]
        var onDisconnect = OnDisconnect.finish
    }

    /// What becomes of a job when nobody waits for it any more.
    enum OnDisconnect: String, Sendable, CaseIterable {
        /// It is finished, and its images are kept.
        case finish
        /// It is stopped where that is still possible, to save the money.
        case cancel
    }

    struct Route: Sendable {
        var provider: String
        /// The provider's name for the model.
        var model: String
        /// What its images cost; `nil` is unknown, never free.
        var price: Price?
        /// Its share of the model's requests, in proportion to the other routes'; `nil` when the order alone counts.
        var weight: Int?
    }

    struct Defaults: Sendable {
        var generate: String?
        var edit: String?
    }

    struct Retention: Sendable {
        /// How long a result is served; `nil` is for ever.
        var keep: Duration? = .seconds(30 * 86_400)
        /// Bytes, beyond which the oldest images go; `nil` is no bound.
        var maxDisk: Int? = 50_000_000_000
        /// Bytes that have to be free on the disk before anything is bought.
        var minFree = 200_000_000
    }

    struct BodyLimits: Sendable {
        /// Bytes of a request's body.
        var body = 256_000_000
        /// Input images of one request.
        var images = 16
        /// Pixels of one image, in either direction.
        var pixels = 50_000_000
        /// Jobs under way at once.
        var jobs = 10_000
        /// Bytes of the bodies of all requests that are being read or worked on; `nil` is sixteen of the largest.
        var inFlight: Int?
        /// The same of one key; `nil` is half of them.
        var inFlightPerKey: Int?

        /// What requests may hold of the gateway together.
        ///
        /// Unless the owner says otherwise it is much more than there need be memory: large bodies are on disk.
        var holdings: BytesInFlight.Bounds {
            let all = inFlight ?? body.multipliedReportingOverflow(by: 16).partialValue
            return BytesInFlight.Bounds(all: all, perKey: inFlightPerKey ?? max(body, all / 2))
        }
    }

    enum Durability: String, Sendable, CaseIterable {
        case full, relaxed
    }
}

extension Configuration {
    /// The model of a name or an alias.
    func model(named name: String) -> Model? {
        let name = aliases[name] ?? name
        return models.first { $0.name == name }
    }
}

/// A mistake in a file the owner wrote, where an editor can jump to it.
package struct Mistake: Error, Sendable, Hashable, CustomStringConvertible {
    package var file: String
    package var position: Position
    package var message: String

    package init(file: String, position: Position, message: String) {
        self.file = file
        self.position = position
        self.message = message
    }

    /// `file:line:column: message`, as compilers print it.
    package var description: String { "\(file):\(position.line):\(position.column): \(message)" }
}
