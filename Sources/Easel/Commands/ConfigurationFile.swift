import Files
import LibEvent
import YAML

/// The owner's configuration as a file.
struct ConfigurationFile: Sendable {
    let path: String

    init(_ path: String) { self.path = path }

    init(_ arguments: Arguments) { path = arguments["config"] ?? "easel.yaml" }

    /// Reads the file, its dialects and the environment.
    ///
    /// - Throws: Every mistake at once as a ``MistakeList``, or a ``Refusal`` when there is no such file.
    func load() throws -> Configuration {
        try read(try document()) { Environment.value(of: $0) }
    }

    /// Reads the file to take the place of a configuration that counts.
    ///
    /// - Throws: As ``load()`` does, and where a setting differs that only a restart can change.
    func load(over running: Configuration) throws -> Configuration {
        let document = try document()
        let configuration = try read(document) { Environment.value(of: $0) }
        let mistakes = configuration.differences(fixedSince: running).map { difference in
            let position = document[difference.key]?.position ?? document.position
            return Mistake(file: path, position: position, message: difference.message)
        }
        guard mistakes.isEmpty else { throw MistakeList(all: mistakes) }
        return configuration
    }

    /// Reads the file for a command beside a server that may be running.
    ///
    /// The variables of the environment are the server's, and need not be set here: most hold the providers' keys.
    func loadBesideServer() throws -> Configuration {
        try read(try document()) { Environment.value(of: $0) ?? Section.anything }
    }

    /// Opens the books beside a server that may be running, and closes them after some work on them.
    ///
    /// - Throws: A ``Refusal`` also where they are of an older version and a server runs, which would be of that, too.
    @EventLoop
    func withLedger(_ work: @EventLoop (Configuration, Ledger) async throws -> Void) async throws {
        let configuration = try loadBesideServer()
        let ledger: Ledger
        do {
            try Directory(configuration.data).create()
            ledger = try Self.ledger(in: configuration.data)
        } catch let refusal as Refusal {
            throw refusal
        } catch {
            throw Refusal("cannot open the data folder '\(configuration.data)': \(error)")
        }
        do { try await work(configuration, ledger) } catch {
            await ledger.close()
            throw error
        }
        await ledger.close()
    }

    /// Opens the books; while they are upgraded, no server may use them.
    private static func ledger(in folder: String) throws -> Ledger {
        guard try Ledger.isOutdated(in: folder) else { return try Ledger(folder: folder) }
        let path = folder + "/lock"
        let lock: FileLock
        do throws(FileError) { lock = try FileLock(path: path) } catch {
            guard error.isLocked else { throw error }
            let process = (try? FileLock.holder(path: path)).map { " (process \($0.id))" } ?? ""
            throw Refusal(
                "the ledger in '\(folder)' is of an older version, and so is the gateway that uses it\(process). Restart "
                    + "the gateway with this version, which upgrades the ledger, and try again")
        }
        return try withExtendedLifetime(lock) { try Ledger(folder: folder) }
    }

    /// Opens the books only to read them: nothing in the data folder is made or changed.
    @EventLoop
    func withLedgerToRead(_ work: @EventLoop (Configuration, Ledger) async throws -> Void) async throws {
        let configuration = try loadBesideServer()
        let ledger: Ledger
        do { ledger = try Ledger(reading: configuration.data) } catch {
            throw Refusal(
                "cannot read the data folder '\(configuration.data)': \(error). A folder that is new, or of an older "
                    + "version, is made ready by 'easel serve'")
        }
        do { try await work(configuration, ledger) } catch {
            await ledger.close()
            throw error
        }
        await ledger.close()
    }

    private func read(
        _ document: Node, _ environment: @escaping @Sendable (String) -> String?
    ) throws -> Configuration {
        try ConfigurationReader.read(
            document, file: path, dialects: try catalog(document, of: document.namedDialects),
            environment: environment
        ).get()
    }

    /// The dialects alone, for which the rest of the file may be wrong, and the file missing unless it is required.
    func dialects(isRequired: Bool) throws -> DialectCatalog {
        do {
            return try catalog(try document())
        } catch is Refusal where !isRequired {
            return try BuiltinDialects.catalog()
        }
    }

    private func document() throws -> Node {
        let text: [UInt8]
        do throws(FileError) { text = try readFile(path, limit: Document.maximumBytes) } catch {
            throw Refusal("\(error). Name another file with --config")
        }
        do throws(YAMLError) { return try Document.parse(text) } catch {
            throw MistakeList(all: [Mistake(file: path, position: error.position, message: error.message)])
        }
    }

    /// The built-in dialects, or those that are wanted of them, and those of the owner's folder in their place or beside them.
    private func catalog(_ document: Node, of wanted: Set<String>? = nil) throws -> DialectCatalog {
        var catalog = try BuiltinDialects.catalog(of: wanted)
        guard let node = document["dialects"], let folder = node.string else { return catalog }
        let names: [String]
        do throws(FileError) { names = try Directory(folder).files().map(\.name) } catch {
            throw MistakeList(all: [Mistake(file: path, position: node.position, message: "\(error)")])
        }
        var mistakes: [Mistake] = []
        for name in names.sorted() where name.hasSuffix(".yaml") {
            let file = "\(folder)/\(name)"
            let text = try readFile(file, limit: Document.maximumBytes)
            switch DialectCompiler.compile(text: text, name: String(name.dropLast(5)), file: file) {
            case .success(let dialect): catalog.add(dialect)
            case .failure(let list): mistakes += list.all
            }
        }
        guard mistakes.isEmpty else { throw MistakeList(all: mistakes) }
        return catalog
    }
}

extension Node {
    /// The dialects that the providers of a configuration speak; `nil` where a variable tells.
    ///
    /// Compiling all others took a tenth of a start.
    fileprivate var namedDialects: Set<String>? {
        let names = (self["providers"]?.mapping ?? []).compactMap { $0.value["dialect"]?.string }
        return names.contains { $0.contains("$") } ? nil : Set(names)
    }
}

extension Configuration {
    /// Settings that have another value than in a running configuration, and that only a restart can change.
    fileprivate func differences(fixedSince running: Configuration) -> [(key: String, message: String)] {
        let fixed: [(key: String, value: (Configuration) -> String)] = [
            ("listen", \.listen), ("data", \.data), ("durability", \.durability.rawValue),
        ]
        return fixed.compactMap { key, value in
            guard value(self) != value(running) else { return nil }
            return (
                key,
                "'\(key)' is \(value(self)), but the running gateway has \(value(running)); only a restart can change it"
            )
        }
    }

    /// What there is, in numbers.
    var summary: String {
        let routes = models.reduce(0) { $0 + $1.routes.count }
        return """
            \(providers.count.of("provider")), \(models.count.of("model")), \(routes.of("route")), \
            \(aliases.count.of("alias", "aliases"))
            """
    }

    /// What is allowed and yet likely not meant.
    var notices: [String] {
        var notices: [String] = []
        let used = Set(models.flatMap { $0.routes.map(\.provider) })
        for provider in providers.values.sorted(by: { $0.name < $1.name }) where !used.contains(provider.name) {
            notices.append("no model uses the provider '\(provider.name)'")
        }
        for provider in providers.values.sorted(by: { $0.name < $1.name })
        where provider.apiKey.isEmpty && provider.dialect.keyHeader != nil && provider.headers.isEmpty {
            notices.append("the provider '\(provider.name)' has no api_key")
        }
        for model in models {
            for route in model.routes where route.price == nil {
                notices.append("the price of '\(model.name)' at '\(route.provider)' is unknown")
            }
        }
        return notices
    }
}
