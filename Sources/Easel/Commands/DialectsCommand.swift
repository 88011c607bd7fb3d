import Files
import JSON
import LibEvent
import YAML

/// The command `easel dialects`.
struct DialectsCommand: Command {
    static let usage = """
        usage:
          easel dialects        the dialects there are
          easel dialects NAME   what one does with every parameter

        options:
          --config FILE   the configuration, for dialects of your own (default: easel.yaml, where there is one)
          --json          for programs

        """

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
    func run(on terminal: Terminal) async throws {
        let catalog = try file.dialects(isRequired: isConfigurationNamed)
        if let name {
            guard let dialect = catalog[name] else {
                let hint = didYouMean(name, among: catalog.names, otherwise: "; 'easel dialects' lists them")
                throw Refusal("there is no dialect '\(name)'\(hint)")
            }
            terminal.print(isJSON ? dialect.json.text : dialect.report)
        } else {
            let dialects = catalog.names.compactMap { catalog[$0] }
            terminal.print(isJSON ? JSONValue.array(dialects.map(\.json)).text : list(dialects))
        }
    }

    private func list(_ dialects: [Dialect]) -> String {
        let rows = dialects.map { dialect in
            [
                dialect.name, dialect.title,
                ImageOrder.Operation.allCases.filter(dialect.operations.contains).map(\.rawValue)
                    .joined(separator: ", "),
                dialect.defaultBaseURL ?? (dialect.renderer == nil ? "base_url needed" : "drawn here"),
            ]
        }
        return Table(head: ["NAME", "PROVIDER", "OPERATIONS", "BASE URL"], rows: rows).text
    }
}

extension Dialect {
    /// What a person would look for on the provider's page.
    fileprivate var report: String {
        var facts = [["\(name):", title]]
        if let page { facts.append(["page", page]) }
        facts.append(["base_url", defaultBaseURL ?? (renderer == nil ? "needed" : "none, images are drawn here")])
        if renderer == nil { facts.append(["api_key", keyHeader ?? "none"]) }
        if !openPaths.isEmpty {
            facts.append(["paths", "needed: \(openPaths.map(\.rawValue).sorted().joined(separator: ", "))"])
        }
        if let queue {
            let cancellation = queue.cancel == nil ? "" : ", jobs can be cancelled"
            facts.append(["queue", "asked every \(queue.interval.text)\(cancellation)"])
        }
        if let expires { facts.append(["links", "live \(expires.text)"]) }
        var lines = [Table(head: facts[0], rows: Array(facts.dropFirst())).text]
        for group in tableGroups {
            lines += [""] + heading(of: group).wrapped(at: 100)
            let rows = group.table.rows.flatMap { Self.wrapped([$0.parameter, $0.native, $0.bounds, $0.notes]) }
            lines.append(Table(head: ["PARAMETER", "SENT AS", "BOUNDS", "NOTES"], rows: rows).text)
            if !group.table.dropped.isEmpty {
                lines += ("not sent: " + group.table.dropped.joined(separator: ", ")).wrapped(at: 100)
            }
        }
        return lines.joined(separator: "\n")
    }

    /// Tables that say the same are one: of several models, or of both operations but for the images.
    private struct TableGroup {
        var operations: [ImageOrder.Operation]
        var models: [String]
        var table: ParameterTable
    }

    private var tableGroups: [TableGroup] {
        var groups: [TableGroup] = []
        for table in parameterTables {
            let new = TableGroup(operations: [table.operation], models: [table.models], table: table)
            if let last = groups.last, last.models == new.models, last.table.rows == table.rowsWithoutImages {
                groups[groups.count - 1].operations.append(table.operation)
                groups[groups.count - 1].table = table
            } else {
                groups.append(new)
            }
        }
        return groups.reduce(into: []) { groups, group in
            let same = groups.indices.last {
                groups[$0].operations == group.operations && groups[$0].table.rows == group.table.rows
            }
            if let same, same == groups.indices.last {
                groups[same].models += group.models
            } else {
                groups.append(group)
            }
        }
    }

    private func heading(of group: TableGroup) -> String {
        let operations = group.operations.map(\.rawValue).joined(separator: " and ")
        if variants.count == 1 { return operations }
        let models = group.models.map { $0 == "*" ? "every other model" : $0 }
        return "\(operations) with \(models.joined(separator: ", "))"
    }

    /// The widths of the columns, in characters: a table fits a terminal unless the provider's own names do not.
    private static let widths = [20, 44, 40, 32]

    /// A row as as many lines as its longest cell needs.
    private static func wrapped(_ cells: [String]) -> [[String]] {
        let columns = zip(cells, widths).map { cell, width in cell.wrapped(at: width) }
        return (0..<(columns.map(\.count).max() ?? 0)).map { line in
            columns.map { line < $0.count ? $0[line] : "" }
        }
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
                            "parameter": row.parameter.isEmpty ? .null : .string(row.parameter),
                            "sent_as": .string(row.native),
                            "bounds": .string(row.bounds), "notes": .string(row.notes),
                        ]
                    }
                }),
        ]
    }
}

extension ParameterTable {
    /// The rows that a generation has as well.
    fileprivate var rowsWithoutImages: [Row] { rows.filter { $0.parameter != "images" && $0.parameter != "mask" } }
}

extension String {
    /// Its words in lines of at most so many characters; a longer word has a line of its own.
    fileprivate func wrapped(at width: Int) -> [String] {
        split(separator: " ").reduce(into: []) { lines, word in
            if let last = lines.last, last.count + word.count < width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
    }
}

extension Duration {
    /// In the largest unit that leaves no fraction: `7 days`.
    fileprivate var text: String {
        let units = [(Int64(86_400), "day"), (3600, "hour"), (60, "minute"), (1, "second")]
        for (length, name) in units where components.seconds >= length && components.seconds.isMultiple(of: length) {
            let count = components.seconds / length
            return count == 1 ? name == "second" ? "second" : "1 \(name)" : "\(count) \(name)s"
        }
        return "\(self)"
    }
}
