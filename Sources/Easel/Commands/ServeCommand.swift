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
        Heap.keepFreedMemory()
        let signals = OperatorSignals()
        try await Service(try file.load(), from: file).run(until: signals)
    }
}
