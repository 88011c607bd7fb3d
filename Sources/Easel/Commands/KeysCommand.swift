import Files
import JSON
import LibEvent
import YAML

/// The commands `easel keys create`, `list` and `revoke`.
struct KeysCommand {
    private enum Action {
        case create(name: String, models: [String]?)
        case list
        case revoke(id: String)
    }

    private let action: Action
    private let file: ConfigurationFile
    private let isJSON: Bool

    init(_ raw: ArraySlice<String>) throws(UsageError) {
        var arguments = try Arguments(raw, options: ["config", "name", "models"], flags: ["json"])
        switch arguments.next() {
        case "create":
            guard let name = arguments["name"], !name.isEmpty else { throw UsageError("keys create needs --name NAME") }
            action = .create(name: name, models: arguments["models"].map { $0.split(separator: ",").map(String.init) })
        case "list": action = .list
        case "revoke":
            guard let id = arguments.next() else {
                throw UsageError("keys revoke needs the ID that 'easel keys list' shows")
            }
            action = .revoke(id: id)
        case let other?: throw UsageError("unknown action 'keys \(other)'; there are create, list and revoke")
        case nil: throw UsageError("keys needs an action: create, list or revoke")
        }
        try arguments.end()
        file = ConfigurationFile(arguments)
        isJSON = arguments.has("json")
    }

    @EventLoop
    func run(on terminal: Terminal) async throws {
        try await file.withLedger { configuration, ledger in
            switch action {
            case .create(let name, let models): try await create(name, models, configuration, ledger, terminal)
            case .list: try await list(ledger, terminal)
            case .revoke(let id): try await revoke(id, ledger, terminal)
            }
        }
    }

    private func create(
        _ name: String, _ models: [String]?, _ configuration: Configuration, _ ledger: Ledger,
        _ terminal: Terminal
    ) async throws {
        for model in models ?? [] where !configuration.models.contains(where: { $0.name == model }) {
            let hint =
                suggestion(for: model, among: configuration.models.map(\.name)).map { ", did you mean '\($0)'?" } ?? ""
            throw Refusal("there is no model '\(model)' in \(file.path)\(hint)")
        }
        let (record, key) = try await ledger.createKey(name: name, models: models, at: WallClock.system.now)
        guard !isJSON else {
            var object = record.jsonObject
            object["key"] = .string(key.reveal())
            return terminal.print(JSONValue.object(object).text)
        }
        terminal.print(key.reveal())
        terminal.remark("The key of '\(name)' (\(record.id)); it is shown only this once.")
    }

    private func list(_ ledger: Ledger, _ terminal: Terminal) async throws {
        let keys = try await ledger.keys()
        guard !isJSON else { return terminal.print(JSONValue.array(keys.map { .object($0.jsonObject) }).text) }
        guard !keys.isEmpty else { return terminal.print("There are no keys. Make one: easel keys create --name NAME") }
        let rows = keys.map { key in
            [
                key.id, key.name, key.prefix + "…", key.models?.joined(separator: ",") ?? "every model",
                "\(key.createdAt)", key.revokedAt.map { "revoked \($0)" } ?? "active",
            ]
        }
        terminal.print(Table(head: ["ID", "NAME", "KEY", "MODELS", "CREATED", "STATE"], rows: rows).text)
    }

    private func revoke(_ id: String, _ ledger: Ledger, _ terminal: Terminal) async throws {
        guard try await ledger.revokeKey(id, at: WallClock.system.now) else {
            throw Refusal("there is no active key '\(id)'; 'easel keys list' shows them all")
        }
        terminal.print("\(id) is revoked; running servers refuse it within a second")
    }
}

extension KeyRecord {
    fileprivate var jsonObject: JSONObject {
        [
            "id": .string(id), "name": .string(name), "prefix": .string(prefix),
            "models": models.map { .array($0.map(JSONValue.string)) } ?? .null, "created": .integer(createdAt.seconds),
            "revoked": revokedAt.map { .integer($0.seconds) } ?? .null,
        ]
    }
}
