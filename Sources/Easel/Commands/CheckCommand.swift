import JSON
import LibEvent

/// The command `easel check`: of the configuration, or with `--data` of what the gateway has stored.
struct CheckCommand: Command {
    static let usage = """
        usage:
          easel check                   every mistake of the configuration and its dialects, with file, line and column
          easel check --data [--deep]   what differs between the ledger and the images on disk; changes nothing

        options:
          --deep          read every image and compare its digest
          --config FILE   the configuration (default: easel.yaml)
          --json          with --data: for programs

        Exit code 1: there are mistakes, or differences.

        """

    private let file: ConfigurationFile
    private let isOfData: Bool
    private let isDeep: Bool
    private let isJSON: Bool

    init(_ raw: ArraySlice<String>) throws(UsageError) {
        let arguments = try Arguments(raw, options: ["config"], flags: ["data", "deep", "json"])
        try arguments.end()
        file = ConfigurationFile(arguments)
        isOfData = arguments.has("data")
        isDeep = arguments.has("deep")
        isJSON = arguments.has("json")
        for flag in ["deep", "json"] where arguments.has(flag) && !isOfData {
            throw UsageError("--\(flag) goes with --data")
        }
    }

    @EventLoop
    func run(on terminal: Terminal) async throws {
        if isOfData { return try await checkData(terminal) }
        let configuration = try file.load()
        terminal.print("\(file.path) is fine: \(configuration.summary)")
        for notice in configuration.notices { terminal.print("note: \(notice)") }
    }

    @EventLoop
    private func checkData(_ terminal: Terminal) async throws {
        try await file.withLedgerToRead { configuration, ledger in
            let report = DataReport(isJSON: isJSON, terminal, clock: .system)
            let audit = Audit(
                ledger, folder: configuration.data, isDeep: isDeep, clock: .system, found: report.tell,
                advanced: report.remark)
            var refusal: Refusal?
            do { try await audit.run() } catch {
                refusal = Refusal("the check of '\(configuration.data)' could not be finished: \(error)")
            }
            report.end(audit.progress, notes: audit.notes, isFinished: refusal == nil)
            if let refusal { throw refusal }
            let count = audit.progress.differences
            guard count == 0 else {
                throw Refusal("\(count.of("difference")) in the data folder '\(configuration.data)'")
            }
        }
    }
}

/// Writes what an audit finds as it finds it: a line each, or one JSON object in the end.
@EventLoop
private final class DataReport {
    private let isJSON: Bool
    private let terminal: Terminal
    private let clock: WallClock
    private var nextRemark: Timestamp
    /// What comes before the next difference in JSON.
    private var separator = #"{"differences":["#

    /// How long there is silence before, and between, lines of progress.
    private static let remarkPause = Duration.seconds(2)

    init(isJSON: Bool, _ terminal: Terminal, clock: WallClock) {
        self.isJSON = isJSON
        self.terminal = terminal
        self.clock = clock
        nextRemark = clock.now + Self.remarkPause
    }

    func tell(_ difference: Audit.Difference) {
        if isJSON {
            let json: JSONValue = [
                "kind": .string(difference.kind.rawValue), "place": .string(difference.place),
                "what": .string(difference.what), "remedy": .string(difference.remedy),
            ]
            terminal.print(separator + json.text, terminator: "")
            separator = ","
        } else {
            terminal.print(
                "\(difference.kind.rawValue): \(difference.place): \(difference.what); \(difference.remedy)")
        }
    }

    func remark(_ progress: Audit.Progress) {
        guard clock.now >= nextRemark else { return }
        nextRemark = clock.now + Self.remarkPause
        let percent = progress.folders * 100 / BlobPaths.prefixes.count
        terminal.remark("\(percent) %: \(progress.images) images, \(progress.length) bytes")
    }

    func end(_ progress: Audit.Progress, notes: [String], isFinished: Bool) {
        guard !isJSON else {
            let rest: JSONValue = [
                "notes": .array(notes.map(JSONValue.string)), "jobs": .integer(Int64(progress.jobs)),
                "images": .integer(Int64(progress.images)), "image_bytes": .integer(Int64(progress.length)),
                "finished": .bool(isFinished),
            ]
            if progress.differences == 0 { terminal.print(separator, terminator: "") }
            return terminal.print("]," + rest.text.dropFirst())
        }
        for note in notes { terminal.print("note: \(note)") }
        guard isFinished, progress.differences == 0 else { return }
        terminal.print(
            "ledger and images agree: \(progress.jobs.of("job")), \(progress.images.of("image")), \(progress.length) bytes"
        )
    }
}
