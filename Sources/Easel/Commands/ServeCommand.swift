import LibEvent

/// The command `easel serve`.
struct ServeCommand: Command {
    static let usage = """
        usage: easel serve [--config FILE]

        Runs the gateway until SIGTERM or SIGINT, which let jobs under way finish. The log is on standard error.

          --config FILE   the configuration (default: easel.yaml)

        """

    private let file: ConfigurationFile

    init(_ raw: ArraySlice<String>) throws(UsageError) {
        let arguments = try Arguments(raw, options: ["config"])
        try arguments.end()
        file = ConfigurationFile(arguments)
    }

    @EventLoop
    func run(on terminal: Terminal) async throws {
        Heap.keepFreedMemory()
        let signals = OperatorSignals()
        try await Service(try file.load(), from: file).run(until: signals)
    }
}
