import JSON
import LibEvent

/// The command `easel usage`.
struct UsageCommand {
    private let grouping: UsageGrouping
    private let since: Duration
    private let file: ConfigurationFile
    private let isJSON: Bool

    init(_ raw: ArraySlice<String>) throws(UsageError) {
        let arguments = try Arguments(raw, options: ["config", "by", "since"], flags: ["json"])
        try arguments.end()
        guard let grouping = UsageGrouping(rawValue: arguments["by"] ?? "key") else {
            throw UsageError("--by takes key, model, provider or day")
        }
        guard let since = Quantity.duration(arguments["since"] ?? "30d") else {
            throw UsageError("--since takes a time such as 12h or 7d")
        }
        self.grouping = grouping
        self.since = since
        file = ConfigurationFile(arguments)
        isJSON = arguments.has("json")
    }

    @EventLoop
    func run(on terminal: Terminal) async throws {
        try await file.withLedger { configuration, ledger in
            show(try await ledger.usage(by: grouping, since: WallClock.system.now - since), configuration, terminal)
        }
    }

    private func show(_ rows: [UsageRow], _ configuration: Configuration, _ terminal: Terminal) {
        guard !isJSON else { return terminal.print(JSONValue.array(rows.map(\.json)).text) }
        guard !rows.isEmpty else { return terminal.print("Nothing was asked for in that time.") }
        let table = Table(
            head: [
                grouping.rawValue.uppercased(), "JOBS", "DONE", "IMAGES", "BYTES", "COST \(configuration.currency)",
            ],
            rows: rows.map {
                [$0.group, "\($0.jobs)", "\($0.done)", "\($0.images)", "\($0.imageLength)", $0.costText]
            }, rightAligned: [1, 2, 3, 4, 5])
        terminal.print(table.text)
    }
}

extension UsageRow {
    /// The known cost, and how many jobs it leaves out.
    fileprivate var costText: String { unpriced == 0 ? cost.description : "\(cost) + \(unpriced) unknown" }

    fileprivate var json: JSONValue {
        [
            "group": .string(group), "jobs": .integer(Int64(jobs)), "done": .integer(Int64(done)),
            "images": .integer(Int64(images)),
            "image_bytes": .integer(Int64(imageLength)), "cost": .double(Double(cost.microunits) / 1_000_000),
            "unknown_cost_jobs": .integer(Int64(unpriced)),
        ]
    }
}
