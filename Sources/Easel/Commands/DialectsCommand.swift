import Files
import JSON
import LibEvent
import YAML

/// The command `easel dialects`.
struct DialectsCommand {
    private let name: String?
    private let file: ConfigurationFile
    private let isConfigurationNamed: Bool
    private let isJSON: Bool

    init(_ raw: ArraySlice<String>) throws(UsageError) {
        var arguments = try Arguments(raw, options: ["config"], flags: ["json"])
        name = arguments.next()
        try arguments.end()
        isConfigurationNamed = arguments["config"] != nil
        file = ConfigurationFile(arguments)
        isJSON = arguments.has("json")
    }

    @EventLoop
    func run() async throws {
        let catalog = try file.dialects(isRequired: isConfigurationNamed)
        if let name {
            guard let dialect = catalog[name] else {
                let hint = suggestion(for: name, among: catalog.names).map { ", did you mean '\($0)'?" } ?? ""
                throw Refusal("there is no dialect '\(name)'\(hint); 'easel dialects' lists them")
            }
            print(isJSON ? dialect.json.text : dialect.report)
        } else {
            let dialects = catalog.names.compactMap { catalog[$0] }
            print(isJSON ? JSONValue.array(dialects.map(\.json)).text : list(dialects))
        }
    }

    private func list(_ dialects: [Dialect]) -> String {
        let rows = dialects.map { dialect in
            [
                dialect.name, dialect.title, dialect.operations.map(\.rawValue).sorted().joined(separator: ", "),
                dialect.defaultBaseURL ?? (dialect.renderer == nil ? "base_url needed" : "drawn here"),
            ]
        }
        return Table(head: ["NAME", "PROVIDER", "OPERATIONS", "BASE URL"], rows: rows).text
    }
}

extension Dialect {
    /// What a person would look for on the provider's page.
    fileprivate var report: String {
        var lines = ["\(name): \(title)"]
        if let page { lines.append("page      \(page)") }
        if let defaultBaseURL { lines.append("base_url  \(defaultBaseURL)") }
        if let expires { lines.append("results   kept by the provider for \(expires.components.seconds / 60) minutes") }
        for table in parameterTables {
            let models = table.models == "*" ? "" : ", \(table.models)"
            lines += ["", "\(table.operation.rawValue)\(models)"]
            let rows = table.rows.map { [$0.parameter, $0.native, $0.bounds, $0.notes] }
            lines.append(Table(head: ["PARAMETER", "SENT AS", "BOUNDS", "NOTES"], rows: rows).text)
        }
        return lines.joined(separator: "\n")
    }

    fileprivate var json: JSONValue {
        [
            "name": .string(name), "title": .string(title), "page": page.map(JSONValue.string) ?? .null,
            "base_url": defaultBaseURL.map(JSONValue.string) ?? .null,
            "operations": .array(operations.map(\.rawValue).sorted().map(JSONValue.string)),
            "parameters": .array(
                parameterTables.flatMap { table in
                    table.rows.map { row -> JSONValue in
                        [
                            "models": .string(table.models), "operation": .string(table.operation.rawValue),
                            "parameter": .string(row.parameter), "sent_as": .string(row.native),
                            "bounds": .string(row.bounds), "notes": .string(row.notes),
                        ]
                    }
                }),
        ]
    }
}
