import Files
import JSON

/// What a running gateway says about its configuration, in a file of its data folder, for `easel reload`.
struct ServingStatus: Sendable, Hashable {
    /// The process that says so.
    var process: Int32
    /// The configuration file that it reads, from the root.
    var configuration: String
    /// Configurations that counted so far, the one that counts now included.
    var generation = 1
    /// How often it has begun to read the file again.
    var reloadsBegun = 0
    /// How often it has finished that.
    var reloadsEnded = 0
    /// What was wrong with the file the last time, line by line; nothing when it was loaded.
    var mistakes: [String] = []

    /// The longest file that is read, in bytes.
    static let lengthLimit = 1 << 20

    /// Replaces the file in one step; waits for the disk.
    func write(to folder: String) throws(FileError) {
        let json: JSONValue = [
            "process": .integer(Int64(process)), "configuration": .string(configuration),
            "generation": .integer(Int64(generation)), "reloads_begun": .integer(Int64(reloadsBegun)),
            "reloads_ended": .integer(Int64(reloadsEnded)), "mistakes": .array(mistakes.map(JSONValue.string)),
        ]
        let file = try TemporaryFile(in: folder)
        try file.write(Array((json.text + "\n").utf8))
        try file.commit(to: Self.path(in: folder), durable: false)
    }

    /// Reads what a process has said; `nil` when it has said nothing yet.
    init?(of process: RunningProcess, in folder: String) {
        guard let bytes = try? readFile(Self.path(in: folder), limit: Self.lengthLimit),
            let json = try? JSONValue(parsing: bytes), json["process"]?.int64 == Int64(process.id),
            let configuration = json["configuration"]?.string,
            let generation = json["generation"]?.int64, let begun = json["reloads_begun"]?.int64,
            let ended = json["reloads_ended"]?.int64
        else { return nil }
        self.process = process.id
        self.configuration = configuration
        self.generation = Int(generation)
        (reloadsBegun, reloadsEnded) = (Int(begun), Int(ended))
        mistakes = (json["mistakes"]?.array ?? []).compactMap(\.string)
    }

    init(process: RunningProcess, configuration: String) {
        self.process = process.id
        self.configuration = configuration
    }

    private static func path(in folder: String) -> String { "\(folder)/serving.json" }
}
