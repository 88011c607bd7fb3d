import HTTP
import HTTPClient
import YAML

/// Reads the owner's file into a ``Configuration``, or into every mistake it has.
enum ConfigurationReader {
    /// Reads a parsed document.
    ///
    /// `file` is its name as the owner knows it, for messages; `environment` is where `${NAME}` is looked up.
    static func read(
        _ document: Node, file: String, dialects: DialectCatalog, environment: @escaping @Sendable (String) -> String?
    ) -> Result<Configuration, MistakeList> {
        let mistakes = Mistakes(file: file)
        let root = Section(node: document, path: "", mistakes: mistakes, environment: environment)
        var configuration = Configuration()
        readTop(of: root, into: &configuration)
        readProviders(of: root.section("providers"), dialects, into: &configuration)
        readModels(of: root.section("models"), providers: root.section("providers").keys, into: &configuration)
        readNames(of: root, into: &configuration)
        readKeys(of: root.section("keys"), into: &configuration)
        return mistakes.all.isEmpty ? .success(configuration) : .failure(MistakeList(all: mistakes.all))
    }

    private static func readTop(of root: Section, into configuration: inout Configuration) {
        let isMapping = root.allow(
            "listen", "public_url", "data", "dialects", "providers", "models", "aliases", "defaults", "results",
            "keys", "limits", "download_timeout", "allow_private", "strict", "currency", "answer_within", "idempotency",
            "stop_within", "durability", "log", "loop_limit", "metrics")
        guard isMapping else { return }
        if let listen = root.value("listen", like: "127.0.0.1:8080", parse: listenAddress) {
            configuration.listen = listen
            configuration.publicURL = "http://\(listen)"
        }
        if let url = root.value("public_url", like: "https://images.example.com", parse: baseURL) {
            configuration.publicURL = url
        }
        configuration.data = root.value("data", like: "./var", parse: nonempty) ?? configuration.data
        configuration.strict = root.flag("strict") ?? configuration.strict
        configuration.currency = root.value("currency", like: "USD", parse: nonempty) ?? configuration.currency
        configuration.durability = root.choice("durability", of: Configuration.Durability.self) ?? .full
        configuration.logLevel = root.choice("log", of: Log.Level.self) ?? .info
        if let limit = root.value(
            "answer_within", like: "90s or off", parse: { Limit($0, "off", Quantity.duration) })
        {
            configuration.answerWithin = limit.value
        }
        if let duration = root.value("idempotency", like: "24h", parse: Quantity.duration) {
            configuration.idempotency = duration
        }
        if let duration = root.value("stop_within", like: "30s", parse: Quantity.duration) {
            configuration.stopWithin = duration
        }
        if let duration = root.value("download_timeout", like: "5m", parse: Quantity.positiveDuration) {
            configuration.downloadTimeout = duration
        }
        configuration.loopLimit = root.value("loop_limit", like: "1ms", parse: Quantity.positiveDuration)
        readAllowPrivate(of: root, into: &configuration)

        let results = root.section("results")
        results.allow("keep", "max_disk", "min_free")
        if let keep = results.value("keep", like: "30d or forever", parse: { Limit($0, "forever", Quantity.duration) })
        {
            configuration.results.keep = keep.value
        }
        if let bytes = results.value(
            "max_disk", like: "50GB or unlimited", parse: { Limit($0, "unlimited", Quantity.bytes) })
        {
            configuration.results.maxDisk = bytes.value
        }
        if let bytes = results.value("min_free", like: "200MB", parse: Quantity.bytes) {
            configuration.results.minFree = bytes
        }
        readLimits(of: root.section("limits"), into: &configuration)
        readMetrics(of: root.section("metrics"), into: &configuration)
    }

    private static func readLimits(of limits: Section, into configuration: inout Configuration) {
        limits.allow("body", "images", "pixels", "jobs", "in_flight", "in_flight_per_key")
        let positive: (Int?) -> Int? = { $0.flatMap { $0 > 0 ? $0 : nil } }
        if let bytes = limits.value("body", like: "256MB", parse: { positive(Quantity.bytes($0)) }) {
            configuration.limits.body = bytes
        }
        if let images = limits.value("images", like: "16", parse: { positive(Int($0)) }) {
            configuration.limits.images = images
        }
        if let pixels = limits.value("pixels", like: "50MP", parse: { positive(Quantity.pixels($0)) }) {
            configuration.limits.pixels = pixels
        }
        if let jobs = limits.value("jobs", like: "10000", parse: { positive(Int($0)) }) {
            configuration.limits.jobs = jobs
        }
        configuration.limits.inFlight = limits.value("in_flight", like: "4GB") { positive(Quantity.bytes($0)) }
        configuration.limits.inFlightPerKey = limits.value("in_flight_per_key", like: "2GB") {
            positive(Quantity.bytes($0))
        }
        let holdings = configuration.limits.holdings
        for (name, bytes) in [("in_flight", holdings.all), ("in_flight_per_key", holdings.perKey)]
        where bytes < configuration.limits.body {
            limits.mistakes.report(
                limits.position(of: name),
                "'limits.\(name)' has no room for one body of \(configuration.limits.body) bytes, as 'limits.body' allows"
            )
        }
    }

    /// The token is not repeated in a message, whatever is wrong with it.
    private static func readMetrics(of metrics: Section, into configuration: inout Configuration) {
        let mistakes = metrics.mistakes.all.count
        guard metrics.allow("token"), let token = metrics.text("token"), metrics.mistakes.all.count == mistakes else {
            return
        }
        let isSendable = token.utf8.allSatisfy { (0x21...0x7E).contains($0) }
        guard isSendable, token.utf8.count >= MetricsAccess.shortestToken else {
            return metrics.mistakes.report(
                metrics.position(of: "token"),
                isSendable
                    ? "'metrics.token' is shorter than \(MetricsAccess.shortestToken) characters; "
                        + "`openssl rand -hex 32` makes a good one"
                    : "'metrics.token' has characters that no header field can carry; write visible ASCII, without spaces"
            )
        }
        configuration.metricsToken = Secret(token)
    }

    private static func readAllowPrivate(of root: Section, into configuration: inout Configuration) {
        guard let node = root.node["allow_private"], !node.isNull else { return }
        guard let ranges = node.sequence else {
            return root.mistakes.report(node.position, "'allow_private' must be a list such as [127.0.0.0/8]")
        }
        for range in ranges {
            guard let text = range.string, AddressRange(text) != nil else {
                root.mistakes.report(
                    range.position, "'\(range.string ?? "")' is no address range; write it like 10.0.0.0/8 or fd00::/8")
                continue
            }
            configuration.allowPrivate.append(text)
        }
    }

    private static func readNames(of root: Section, into configuration: inout Configuration) {
        let models = root.section("models").keys
        func check(_ node: Node, _ what: String, among models: [String]) -> String? {
            guard let name = node.string else {
                root.mistakes.report(node.position, "\(what) must be the name of a model")
                return nil
            }
            if !models.contains(name) {
                root.mistakes.report(
                    node.position, "\(what) leads to the unknown model '\(name)'\(didYouMean(name, among: models))")
            }
            return name
        }
        let aliases = root.section("aliases")
        for (entry, _) in aliases.sections {
            if models.contains(entry.key) {
                root.mistakes.report(entry.keyPosition, "'\(entry.key)' is a model already and cannot be an alias")
            }
            configuration.aliases[entry.key] = check(
                entry.value, "the alias '\(entry.key)'", among: models)
        }
        let defaults = root.section("defaults")
        defaults.allow("generate", "edit")
        let names = models + configuration.aliases.keys.sorted()
        if let node = defaults.node["generate"] {
            configuration.defaults.generate = check(node, "'defaults.generate'", among: names)
        }
        if let node = defaults.node["edit"] {
            configuration.defaults.edit = check(node, "'defaults.edit'", among: names)
        }
    }

    /// `address:port` as the server understands it, `:8080` for every address.
    private static func listenAddress(_ text: String) -> String? {
        guard let colon = text.lastIndex(of: ":"), UInt16(text[text.index(after: colon)...]) != nil else { return nil }
        return text
    }

    private static func nonempty(_ text: String) -> String? { text.isEmpty ? nil : text }

    /// An absolute http or https URL, without a slash at its end.
    static func baseURL(_ text: String) -> String? {
        var text = text
        while text.last == "/" { text.removeLast() }
        let hasHost = ["http://", "https://"].contains { text.hasPrefix($0) && text.count > $0.count }
        return hasHost && !text.contains(where: { $0.isWhitespace || $0 == "?" || $0 == "#" }) ? text : nil
    }
}

/// A number, or the word for having none.
private struct Limit<Value> {
    /// `nil` is no bound.
    var value: Value?

    init?(_ text: String, _ word: String, _ parse: (String) -> Value?) {
        guard text != word else { return }
        guard let value = parse(text) else { return nil }
        self.value = value
    }
}

/// Every mistake of a file, in the order of its lines.
package struct MistakeList: Error, Sendable {
    package var all: [Mistake]

    package init(all: [Mistake]) {
        self.all = all.sorted { ($0.position.line, $0.position.column) < ($1.position.line, $1.position.column) }
    }
}
