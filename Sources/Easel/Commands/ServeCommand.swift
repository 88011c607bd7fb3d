import LibEvent

/// The command `easel serve`.
struct ServeCommand {
    private let file: ConfigurationFile

    init(_ raw: ArraySlice<String>) throws(UsageError) {
        let arguments = try Arguments(raw, options: ["config"])
        try arguments.end()
        file = ConfigurationFile(arguments)
    }

    @EventLoop
    func run(on terminal: Terminal) async throws {
        let configuration = try file.load()
        try await Service(configuration).run()
    }
}
