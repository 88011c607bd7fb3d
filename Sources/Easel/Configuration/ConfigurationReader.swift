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
        return mistakes.all.isEmpty ? .success(configuration) : .failure(MistakeList(all: mistakes.all))
    }

    private static func readTop(of root: Section, into configuration: inout Configuration) {
        let isMapping = root.allow(
            "listen", "public_url", "data", "dialects", "providers", "models", "aliases", "defaults", "results",
            "limits",
            "allow_private", "strict", "currency", "idempotency", "stop_within", "durability", "log")
        guard isMapping else { return }
        if let listen = root.value("listen", like: "127.0.0.1:8080", parse: listenAddress) {
            configuration.listen = listen
            configuration.publicURL = "http://\(listen)"
        }
        if let url = root.value("public_url", like: "https://images.example.com", parse: baseURL) {
            configuration.publicURL = url
        }
        configuration.data = root.text("data") ?? configuration.data
        configuration.strict = root.flag("strict") ?? configuration.strict
        configuration.currency = root.text("currency") ?? configuration.currency
        configuration.durability = root.choice("durability", of: Configuration.Durability.self) ?? .full
        configuration.logLevel = root.choice("log", of: Log.Level.self) ?? .info
        if let duration = root.value("idempotency", like: "24h", parse: Quantity.duration) {
            configuration.idempotency = duration
        }
        if let duration = root.value("stop_within", like: "30s", parse: Quantity.duration) {
            configuration.stopWithin = duration
        }
        readAllowPrivate(of: root, into: &configuration)

        let results = root.section("results")
        results.allow("keep", "max_disk")
        if let keep = results.value("keep", like: "30d or forever", parse: { Limit($0, "forever", Quantity.duration) })
        {
            configuration.results.keep = keep.value
        }
        if let bytes = results.value(
            "max_disk", like: "50GB or unlimited", parse: { Limit($0, "unlimited", Quantity.bytes) })
        {
            configuration.results.maxDisk = bytes.value
        }
        let limits = root.section("limits")
        limits.allow("body", "images", "pixels")
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

    private static func readProviders(
        of providers: Section, _ dialects: DialectCatalog, into configuration: inout Configuration
    ) {
        guard providers.node.mapping != nil else {
            return providers.mistakes.report(
                providers.node.position, "'providers' must be a mapping of names, each like {dialect: sandbox}")
        }
        for (entry, section) in providers.sections
        where section.allow("dialect", "api_key", "base_url", "paths", "headers", "timeout", "concurrency") {
            guard let name = section.text("dialect") else {
                section.mistakes.report(
                    entry.keyPosition, "provider '\(entry.key)' names no dialect; 'easel dialects' lists them")
                continue
            }
            guard let dialect = dialects[name] else {
                let hint = suggestion(for: name, among: dialects.names).map { ", did you mean '\($0)'?" } ?? ""
                section.mistakes.report(
                    section.position(of: "dialect"),
                    "unknown dialect '\(name)'\(hint)\(hint.isEmpty ? "; 'easel dialects' lists them" : "")")
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
        return Configuration.Provider(
            name: entry.key, dialect: dialect, baseURL: baseURL, apiKey: Secret(section.text("api_key") ?? ""),
            paths: paths,
            headers: texts(of: section.section("headers"), "must be text in one line") {
                !$0.contains(where: \.isNewline)
            },
            timeout: section.value("timeout", like: "10m", parse: Quantity.duration) ?? .seconds(600),
            concurrency: section.value("concurrency", like: "64", parse: { Int($0).flatMap { $0 > 0 ? $0 : nil } })
                ?? 64)
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

    private static func readModels(
        of models: Section, providers: [String], into configuration: inout Configuration
    ) {
        guard let mapping = models.node.mapping, !mapping.isEmpty else {
            return models.mistakes.report(
                models.node.position,
                "'models' must name at least one model, like 'sandbox: {routes: [{provider: offline}]}'")
        }
        for (entry, section) in models.sections where section.allow("routes") {
            guard let routes = section.node["routes"]?.sequence, !routes.isEmpty else {
                section.mistakes.report(
                    entry.keyPosition, "model '\(entry.key)' needs at least one route, like [{provider: offline}]")
                continue
            }
            let read = routes.compactMap { node in
                route(
                    Section(
                        node: node, path: section.joined("routes"), mistakes: section.mistakes,
                        environment: section.environment), model: entry.key, providers)
            }
            configuration.models.append(Configuration.Model(name: entry.key, routes: read))
        }
    }

    private static func route(
        _ section: Section, model: String, _ providers: [String]
    ) -> Configuration.Route? {
        guard section.allow("provider", "model", "price") else { return nil }
        guard let provider = section.text("provider") else {
            section.mistakes.report(section.node.position, "this route of '\(model)' names no provider")
            return nil
        }
        // A provider that is there but wrong has been reported already.
        if !providers.contains(provider) {
            let hint = suggestion(for: provider, among: providers).map { ", did you mean '\($0)'?" } ?? ""
            section.mistakes.report(section.position(of: "provider"), "unknown provider '\(provider)'\(hint)")
        }
        return Configuration.Route(
            provider: provider, model: section.text("model") ?? model,
            price: section.value("price", like: "0.025", parse: { Money($0) }))
    }

    private static func readNames(of root: Section, into configuration: inout Configuration) {
        let models = root.section("models").keys
        func check(_ node: Node, _ what: String, among models: [String]) -> String? {
            guard let name = node.string else {
                root.mistakes.report(node.position, "\(what) must be the name of a model")
                return nil
            }
            if !models.contains(name) {
                let hint = suggestion(for: name, among: models).map { ", did you mean '\($0)'?" } ?? ""
                root.mistakes.report(node.position, "\(what) leads to the unknown model '\(name)'\(hint)")
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

    /// An absolute http or https URL, without a slash at its end.
    private static func baseURL(_ text: String) -> String? {
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
