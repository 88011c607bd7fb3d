import Crypto
import HTTP
import LibEvent
import YAML

/// The commands `easel keys create`, `list`, `show`, `limit`, `rotate`, `revoke` and `hash`.
struct KeysCommand: Command {
    static let usage = """
        usage:
          easel keys create --name NAME [--models A,B] [LIMITS]   make a key, and print it this one time
          easel keys list                                         every key, with its limits and what it has spent
          easel keys show ID                                      one key
          easel keys limit ID LIMITS                              change the limits that are named; the others stay
          easel keys rotate ID [--grace 24h]                      make a new key under the same id
          easel keys revoke ID                                    have it refused from now on
          easel keys hash                                         read a key from standard input, print its SHA-256

        LIMITS, each of which 'none' takes away:
          --budget 20.00/month,2/day   what its images may cost in a day, in a month (UTC) or in total
          --rpm 60                     requests for images in a minute
          --images-per-minute 10       images asked for in a minute
          --concurrency 4              jobs under way at once
          --expires 2027-01-31         when it ends: the beginning of a day (UTC), or a time from now such as 90d
          --unknown-prices allow       allow or refuse routes without a price; refused to a key with a budget unless said

        options:
          --models A,B    the only models it may use
          --grace 24h     how long the old key works yet; not at all unless said
          --config FILE   the configuration (default: easel.yaml)
          --json          for programs: create, list, show and rotate

        """

    private enum Action {
        case create(name: String, models: [String]?, KeyOptions)
        case list
        case show(id: String)
        case limit(id: String, KeyOptions)
        case rotate(id: String, grace: Duration)
        case revoke(id: String)
        case hash
    }

    /// The actions, and the options that each has beside `--config`.
    private static let actions: KeyValuePairs = [
        "create": ["name", "models", "json"] + KeyOptions.names, "list": ["json"], "show": ["json"],
        "limit": KeyOptions.names, "rotate": ["grace", "json"], "revoke": [], "hash": [],
    ]

    private let action: Action
    private let file: ConfigurationFile
    private let isJSON: Bool

    init(_ raw: ArraySlice<String>) throws(UsageError) {
        var arguments = try Arguments(
            raw, options: ["config", "name", "models", "grace"] + KeyOptions.names, flags: ["json"])
        let word = try arguments.nextAction(of: "keys", Self.actions)
        action = try Self.action(word, &arguments)
        try arguments.end()
        file = ConfigurationFile(arguments)
        isJSON = arguments.has("json")
    }

    private static func action(_ word: String, _ arguments: inout Arguments) throws(UsageError) -> Action {
        let options = try KeyOptions(arguments, at: WallClock.system.now)
        switch word {
        case "create":
            guard let name = arguments["name"], !name.isEmpty else { throw UsageError("keys create needs --name NAME") }
            let models = arguments["models"].map { $0.split(separator: ",").map(String.init) }
            return .create(name: name, models: models, options)
        case "list": return .list
        case "show": return .show(id: try id(for: word, &arguments))
        case "limit":
            guard !options.isEmpty else {
                throw UsageError("keys limit needs a limit: \(KeyOptions.names.map { "--\($0)" }.listed("or"))")
            }
            return .limit(id: try id(for: word, &arguments), options)
        case "rotate":
            guard let grace = Quantity.duration(arguments["grace"] ?? "0s") else {
                throw UsageError("--grace takes a time such as 24h")
            }
            return .rotate(id: try id(for: word, &arguments), grace: grace)
        case "revoke": return .revoke(id: try id(for: word, &arguments))
        default: return .hash
        }
    }

    private static func id(for action: String, _ arguments: inout Arguments) throws(UsageError) -> String {
        guard let id = arguments.next() else {
            throw UsageError("keys \(action) needs the ID that 'easel keys list' shows")
        }
        return id
    }

    @EventLoop
    func run(on terminal: Terminal) async throws {
        switch action {
        case .create(let name, let models, let options):
            try await file.withLedger { try await create(name, models, options, $0, $1, terminal) }
        case .list: try await report(to: terminal) { report, _ in try await report.list(isJSON: isJSON) }
        case .show(let id):
            try await report(to: terminal) { try await $0.show(try await known(id, $1), isJSON: isJSON) }
        case .limit(let id, let options): try await file.withLedger { try await limit(id, options, $1, terminal) }
        case .rotate(let id, let grace): try await file.withLedger { try await rotate(id, grace, $1, terminal) }
        case .revoke(let id): try await file.withLedger { try await revoke(id, $1, terminal) }
        case .hash: try await hash(terminal)
        }
    }

    @EventLoop
    private func report(
        to terminal: Terminal, _ text: @EventLoop (KeyReport, Ledger) async throws -> String
    ) async throws {
        try await file.withLedgerToRead { configuration, ledger in
            let report = KeyReport(ledger: ledger, currency: configuration.currency, now: WallClock.system.now)
            terminal.print(try await text(report, ledger))
        }
    }

    private func create(
        _ name: String, _ models: [String]?, _ options: KeyOptions, _ configuration: Configuration, _ ledger: Ledger,
        _ terminal: Terminal
    ) async throws {
        for model in models ?? [] where !configuration.models.contains(where: { $0.name == model }) {
            let hint = didYouMean(model, among: configuration.models.map(\.name))
            throw Refusal("there is no model '\(model)' in \(file.path)\(hint)")
        }
        let now = WallClock.system.now
        let limits = try options.changed(KeyLimits(), at: now)
        let (record, key) = try await ledger.createKey(name: name, models: models, limits: limits, at: now)
        tell(key, of: record, "The key of '\(name)' (\(record.id))", terminal)
    }

    private func limit(_ id: String, _ options: KeyOptions, _ ledger: Ledger, _ terminal: Terminal) async throws {
        let key = try await changeable(id, ledger)
        let limits = try options.changed(key.limits, at: WallClock.system.now)
        try await ledger.limitKey(id, to: limits)
        terminal.print("\(id) now has the limits: \(limits); running servers know within a second")
    }

    private func rotate(_ id: String, _ grace: Duration, _ ledger: Ledger, _ terminal: Terminal) async throws {
        let now = WallClock.system.now
        _ = try await changeable(id, ledger)
        guard let key = try await ledger.rotateKey(id, grace: grace, at: now) else { throw Self.noActiveKey(id) }
        let end = grace > .zero ? "works until \(now + grace)" : "is refused within a second"
        tell(key, of: try await known(id, ledger), "The new key of \(id), whose old one \(end)", terminal)
    }

    private func revoke(_ id: String, _ ledger: Ledger, _ terminal: Terminal) async throws {
        _ = try await changeable(id, ledger)
        guard try await ledger.revokeKey(id, at: WallClock.system.now) else { throw Self.noActiveKey(id) }
        terminal.print("\(id) is revoked; running servers refuse it within a second")
    }

    /// Reads a key from standard input, so that it is in nobody's history, and prints what a configuration says of it.
    @EventLoop
    private func hash(_ terminal: Terminal) async throws {
        let line = await blocking { terminal.readLine() }
        guard let key = line?.trimmingOptionalWhitespace, !key.isEmpty else {
            throw Refusal("keys hash reads a key from standard input: printf '%s\\n' \"$KEY\" | easel keys hash")
        }
        terminal.print(SHA256.digest(of: String(key)).hexadecimal)
    }

    // MARK: Keys

    /// The key alone is the result, so that a script can take it; what it is goes beside it.
    private func tell(_ key: Secret, of record: KeyRecord, _ what: String, _ terminal: Terminal) {
        guard !isJSON else { return terminal.print(record.json(with: key).text) }
        terminal.print(key.reveal())
        terminal.remark("\(what); it is shown only this once.")
    }

    private func known(_ id: String, _ ledger: Ledger) async throws -> KeyRecord {
        guard let key = try await ledger.key(id: id) else {
            throw Refusal("there is no key '\(id)'; 'easel keys list' shows them all")
        }
        return key
    }

    /// A key that commands may change: one that works, and that no file declares.
    private func changeable(_ id: String, _ ledger: Ledger) async throws -> KeyRecord {
        guard let key = try await ledger.key(id: id), key.revokedAt == nil else { throw Self.noActiveKey(id) }
        guard !key.isDeclared else {
            throw Refusal("\(id) is declared under 'keys.\(key.name)' of the configuration; change it there")
        }
        return key
    }

    private static func noActiveKey(_ id: String) -> Refusal {
        Refusal("there is no active key '\(id)'; 'easel keys list' shows them all")
    }
}
