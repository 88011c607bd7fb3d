import JSON
import LibEvent

/// The commands `easel jobs list` and `show`.
struct JobsCommand: Command {
    static let usage = """
        usage:
          easel jobs list [--limit 20]   the newest jobs
          easel jobs show ID             what happened to one: attempts, both sides' ids, timings, cost, parameters

        options:
          --limit N       how many (default: 20)
          --config FILE   the configuration (default: easel.yaml)
          --json          for programs

        """

    private enum Action {
        case list(limit: Int)
        case show(id: String)
    }

    private let action: Action
    private let file: ConfigurationFile
    private let isJSON: Bool

    init(_ raw: ArraySlice<String>) throws(UsageError) {
        var arguments = try Arguments(raw, options: ["config", "limit"], flags: ["json"])
        switch try arguments.nextAction(of: "jobs", ["list": ["limit", "json"], "show": ["json"]]) {
        case "list":
            guard let limit = Int(arguments["limit"] ?? "20"), limit > 0 else {
                throw UsageError("--limit takes a number above 0")
            }
            action = .list(limit: limit)
        default:
            guard let id = arguments.next() else { throw UsageError("jobs show needs an ID, such as req_…") }
            action = .show(id: id)
        }
        try arguments.end()
        file = ConfigurationFile(arguments)
        isJSON = arguments.has("json")
    }

    @EventLoop
    func run(on terminal: Terminal) async throws {
        try await file.withLedgerToRead { configuration, ledger in
            switch action {
            case .list(let limit): list(try await ledger.jobs(limit: limit), terminal)
            case .show(let id):
                guard let story = try await ledger.job(id) else {
                    throw Refusal("there is no job '\(id)'; 'easel jobs list' shows the newest")
                }
                terminal.print(isJSON ? story.json(configuration).text : JobReport(story, configuration).text)
            }
        }
    }

    private func list(_ jobs: [JobRecord], _ terminal: Terminal) {
        guard !isJSON else { return terminal.print(JSONValue.array(jobs.map(\.json)).text) }
        guard !jobs.isEmpty else { return terminal.print("There are no jobs yet.") }
        let rows = jobs.map { job in
            [
                job.id, "\(job.acceptedAt)", job.state.rawValue, job.operation, job.model, "\(job.images)",
                job.cost?.description ?? "?", job.duration.map { "\($0.milliseconds) ms" } ?? "running",
            ]
        }
        terminal.print(
            Table(
                head: ["ID", "ACCEPTED", "STATE", "OPERATION", "MODEL", "IMAGES", "COST", "TOOK"], rows: rows,
                rightAligned: [5, 6, 7]
            ).text)
    }
}

extension JobRecord {
    var duration: Duration? { finishedAt.map { $0 - acceptedAt } }

    var json: JSONValue {
        [
            "id": .string(id), "state": .string(state.rawValue), "operation": .string(operation),
            "model": .string(model),
            "key": .string(keyID), "accepted": .string("\(acceptedAt)"),
            "finished": finishedAt.map { .string("\($0)") } ?? .null, "wanted_images": .integer(Int64(wantedImages)),
            "images": .integer(Int64(images)), "image_bytes": .integer(Int64(imageLength)),
            "request_bytes": .integer(Int64(requestLength)),
            "cost": cost.map { .double(Double($0.microunits) / 1_000_000) } ?? .null,
        ]
    }
}
