import HTTP
import YAML

// Who makes images, and how they may be asked.
extension ConfigurationReader {
    /// More of anything than a configuration can mean.
    private static let largestCount = 1_000_000

    static func readProviders(
        of providers: Section, _ dialects: DialectCatalog, into configuration: inout Configuration
    ) {
        guard providers.node.mapping != nil else {
            return providers.mistakes.report(
                providers.node.position, "'providers' must be a mapping of names, each like {dialect: sandbox}")
        }
        for (entry, section) in providers.sections
        where section.allow(
            "dialect", "api_key", "base_url", "paths", "headers", "concurrency", "rate", "queue", "queue_wait",
            "breaker",
            "connect_timeout", "timeout", "idle_timeout", "poll_timeout", "job_timeout")
        {
            guard let name = section.text("dialect") else {
                section.mistakes.report(
                    entry.keyPosition, "provider '\(entry.key)' names no dialect; 'easel dialects' lists them")
                continue
            }
            guard let dialect = dialects[name] else {
                let hint = didYouMean(name, among: dialects.names, otherwise: "; 'easel dialects' lists them")
                section.mistakes.report(section.position(of: "dialect"), "unknown dialect '\(name)'\(hint)")
                continue
            }
            configuration.providers[entry.key] = provider(entry, section, dialect)
        }
    }

    private static func provider(
        _ entry: Node.Entry, _ section: Section, _ dialect: Dialect
    ) -> Configuration.Provider {
        let baseURL = section.value("base_url", like: "https://api.example.com/v1", parse: Self.baseURL)
        if section.node["base_url"] == nil, dialect.defaultBaseURL == nil, dialect.renderer == nil {
            section.mistakes.report(
                entry.keyPosition,
                "provider '\(entry.key)' needs a base_url; the dialect '\(dialect.name)' has none of its own")
        }
        let paths = texts(of: section.section("paths"), "must begin with '/'") { $0.hasPrefix("/") }
        let open = dialect.openPaths.map(\.rawValue).sorted()
        if !open.isEmpty, section.node["paths"] == nil {
            let example = open.map { "\($0): /…" }.joined(separator: ", ")
            section.mistakes.report(
                entry.keyPosition,
                "provider '\(entry.key)' needs paths: {\(example)}, or one of them; its page leaves them open")
        }
        var provider = Configuration.Provider(
            name: entry.key, dialect: dialect, baseURL: baseURL, apiKey: Secret(section.text("api_key") ?? ""),
            paths: paths,
            headers: texts(of: section.section("headers"), "must be text in one line") {
                !$0.contains(where: \.isNewline)
            }, traffic: traffic(section))
        readTimeouts(of: section, into: &provider)
        return provider
    }

    private static func traffic(_ section: Section) -> TrafficLimits {
        var limits = TrafficLimits()
        let count: (String) -> Int? = { Int($0).flatMap { (1...largestCount).contains($0) ? $0 : nil } }
        limits.concurrency = section.value("concurrency", like: "64", parse: count) ?? limits.concurrency
        limits.rate = section.value("rate", like: "60/minute (or /second, /hour)") { Rate($0) }
        limits.queue =
            section.value("queue", like: "1000, or 0 for none") { $0 == "0" ? 0 : count($0) } ?? limits.queue
        limits.queueWait = section.value("queue_wait", like: "2m", parse: Quantity.duration) ?? limits.queueWait
        limits.breaker = breaker(section)
        return limits
    }

    private static func breaker(_ section: Section) -> Breaker.Settings? {
        var settings = Breaker.Settings()
        guard let node = section.node["breaker"], !node.isNull else { return settings }
        if node.string != nil {
            let word = section.value("breaker", like: "off, or {failures: 5, pause: 30s}") { $0 == "off" ? $0 : nil }
            return word == nil ? settings : nil
        }
        let breaker = section.section("breaker")
        guard breaker.allow("failures", "pause") else { return settings }
        settings.failures =
            breaker.value("failures", like: "5") { Int($0).flatMap { (1...largestCount).contains($0) ? $0 : nil } }
            ?? settings.failures
        settings.pause = breaker.value("pause", like: "30s", parse: Quantity.positiveDuration) ?? settings.pause
        return settings
    }

    private static func readTimeouts(of section: Section, into provider: inout Configuration.Provider) {
        let timeouts: [(key: String, example: String, path: WritableKeyPath<Configuration.Provider, Duration>)] = [
            ("connect_timeout", "10s", \.connectTimeout), ("timeout", "10m", \.timeout),
            ("idle_timeout", "2m", \.idleTimeout), ("poll_timeout", "30s", \.pollTimeout),
            ("job_timeout", "1h", \.jobTimeout),
        ]
        for (key, example, path) in timeouts {
            guard let value = section.value(key, like: example, parse: Quantity.positiveDuration) else { continue }
            provider[keyPath: path] = value
        }
    }

    /// Every entry of a section as text that passes a check.
    private static func texts(
        of section: Section, _ rule: String, where isRight: (String) -> Bool
    ) -> [String: String] {
        var texts: [String: String] = [:]
        for entry in section.node.mapping ?? [] {
            guard let text = section.text(entry.key) else { continue }
            guard isRight(text) else {
                section.mistakes.report(entry.value.position, "'\(section.joined(entry.key))' \(rule)")
                continue
            }
            texts[entry.key] = text
        }
        return texts
    }
}
