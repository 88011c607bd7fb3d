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

/// The command `easel check`.
struct CheckCommand {
    private let file: ConfigurationFile

    init(_ raw: ArraySlice<String>) throws(UsageError) {
        let arguments = try Arguments(raw, options: ["config"])
        try arguments.end()
        file = ConfigurationFile(arguments)
    }

    @EventLoop
    func run(on terminal: Terminal) async throws {
        let configuration = try file.load()
        let routes = configuration.models.reduce(0) { $0 + $1.routes.count }
        terminal.print(
            """
            \(file.path) is fine: \(configuration.providers.count) providers, \(configuration.models.count) models, \
            \(routes) routes, \(configuration.aliases.count) aliases
            """)
        for notice in configuration.notices { terminal.print("note: \(notice)") }
    }
}
