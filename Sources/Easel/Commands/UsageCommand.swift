import JSON
import LibEvent

/// The command `easel usage`.
struct UsageCommand: Command {
    static let usage = """
        usage: easel usage [--by key|model|provider|day] [--since 7d]

        Adds up what was asked for, what was made of it, and what it cost.

          --by WORD       key, model, provider or day (default: key)
          --since TIME    how far back, such as 12h or 7d (default: 30d)
          --config FILE   the configuration (default: easel.yaml)
          --json, --csv   for programs

        """

    private enum Form {
        case table, json, csv
    }

    private let grouping: UsageGrouping
    private let since: Duration
    private let file: ConfigurationFile
    private let form: Form

    init(_ raw: ArraySlice<String>) throws(UsageError) {
        let arguments = try Arguments(raw, options: ["config", "by", "since"], flags: ["json", "csv"])
        try arguments.end()
        guard let grouping = UsageGrouping(rawValue: arguments["by"] ?? "key") else {
            throw UsageError("--by takes \(UsageGrouping.allCases.map(\.rawValue).listed("or"))")
        }
        guard let since = Quantity.duration(arguments["since"] ?? "30d") else {
            throw UsageError("--since takes a time such as 12h or 7d")
        }
        guard !arguments.has("json") || !arguments.has("csv") else {
            throw UsageError("--json and --csv are two forms")
        }
        self.grouping = grouping
        self.since = since
        file = ConfigurationFile(arguments)
        form = arguments.has("json") ? .json : arguments.has("csv") ? .csv : .table
    }

    @EventLoop
    func run(on terminal: Terminal) async throws {
        try await file.withLedgerToRead { configuration, ledger in
            let rows = try await ledger.usage(by: grouping, since: WallClock.system.now - since)
            let report = UsageReport(rows: rows, grouping: grouping, currency: configuration.currency)
            switch form {
            case .table: terminal.print(report.table)
            case .json: terminal.print(report.json.text)
            case .csv: terminal.print(report.csv, terminator: "")
            }
        }
    }
}

/// What was used, in each form that it can be had in.
struct UsageReport {
    var rows: [UsageRow]
    var grouping: UsageGrouping
    var currency: String

    /// For people.
    var table: String {
        guard !rows.isEmpty else { return "Nothing was asked for in that time." }
        let labels = grouping == .key ? ["KEY", "NAME"] : [grouping.rawValue.uppercased()]
        return Table(
            head: labels + ["JOBS", "DONE", "IMAGES", "BYTES", "COST \(currency)"],
            rows: rows.map {
                self.labels($0) + ["\($0.jobs)", "\($0.done)", "\($0.images)", "\($0.imageLength)", $0.costText]
            }, rightAligned: Set(labels.count..<labels.count + 5)
        ).text
    }

    /// An array of objects.
    var json: JSONValue {
        .array(
            rows.map { row in
                var object: JSONObject = ["group": .string(row.group)]
                object["name"] = row.name.map(JSONValue.string)
                object["jobs"] = .integer(Int64(row.jobs))
                object["done"] = .integer(Int64(row.done))
                object["images"] = .integer(Int64(row.images))
                object["image_bytes"] = .integer(Int64(row.imageLength))
                object["cost"] = row.cost.json
                object["unknown_cost_jobs"] = .integer(Int64(row.unpriced))
                return .object(object)
            })
    }

    /// Comma-separated values (RFC 4180), a line of names first.
    var csv: String {
        let labels = grouping == .key ? ["key", "name"] : [grouping.rawValue]
        let head = labels + ["jobs", "done", "images", "image_bytes", "cost", "currency", "unknown_cost_jobs"]
        let lines = rows.map { row in
            self.labels(row) + [
                "\(row.jobs)", "\(row.done)", "\(row.images)", "\(row.imageLength)", "\(row.cost)", currency,
                "\(row.unpriced)",
            ]
        }
        return ([head] + lines).map { $0.map(Self.quoted).joined(separator: ",") + "\r\n" }.joined()
    }

    private func labels(_ row: UsageRow) -> [String] { grouping == .key ? [row.group, row.name ?? ""] : [row.group] }

    private static func quoted(_ field: String) -> String {
        let needsQuotes = field.unicodeScalars.contains { [",", "\"", "\r", "\n"].contains($0) }
        return needsQuotes ? "\"" + field.replacing("\"", with: "\"\"") + "\"" : field
    }
}

extension UsageRow {
    /// The known cost, and how many jobs it leaves out.
    fileprivate var costText: String { unpriced == 0 ? cost.description : "\(cost) + \(unpriced) unknown" }
}
