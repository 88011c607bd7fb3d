import Files
import LibEvent

/// The command `easel reload`: has the running gateway read its configuration again, and tells what came of it.
struct ReloadCommand: Command {
    static let usage = """
        usage: easel reload [--config FILE]

        Has the running gateway read its configuration again, and tells what came of it. Exit code 0: it works with this
        file now. 1: it goes on with what it had, as the file has a mistake or changes what only a restart can.

          --config FILE   the configuration (default: easel.yaml)

        """

    private let file: ConfigurationFile

    /// How long the gateway may take to say what came of it.
    static let patience = Duration.seconds(60)
    /// After how long whoever waits at the terminal is told that, and for what.
    static let silence = Duration.seconds(2)
    /// Between two looks at what the gateway says.
    static let pause = Duration.milliseconds(20)

    init(_ raw: ArraySlice<String>) throws(UsageError) {
        let arguments = try Arguments(raw, options: ["config"])
        try arguments.end()
        file = ConfigurationFile(arguments)
    }

    @EventLoop
    func run(on terminal: Terminal) async throws {
        let configuration = try file.loadBesideServer()
        let gateway = RunningGateway(folder: configuration.data)
        guard let process = try gateway.process() else {
            throw Refusal(
                """
                no gateway runs with the data folder '\(FilePath.absolute(configuration.data))', which \(file.path) \
                names; start it: easel serve --config \(file.path). One that was started with another 'data' is not \
                found this way, and works with this file after a restart
                """)
        }
        let name = "the gateway (process \(process.id))"
        let before = try await status(of: gateway, process, terminal, "\(name) is still starting") { _ in true }
        guard FilePath.areSame(before.configuration, file.path) else {
            throw Refusal("\(name) reads \(before.configuration); name that file: --config \(before.configuration)")
        }
        do throws(FileError) { try process.hangUp() } catch {
            throw Refusal("\(error). Run this as root, or as the user that the gateway runs as")
        }
        // A reload that had begun before may have read what the file was then; one that began since has read this one.
        let after = try await status(of: gateway, process, terminal, "\(name) has not loaded \(file.path) yet") {
            $0.reloadsEnded > before.reloadsBegun
        }
        guard after.mistakes.isEmpty else {
            for mistake in after.mistakes { terminal.remark(mistake) }
            throw Refusal(
                "\(name) refused \(file.path) and goes on with what it had (generation \(after.generation))")
        }
        terminal.print("\(file.path) is loaded: \(configuration.summary) (generation \(after.generation))")
    }

    /// Waits until the gateway says something in particular.
    @EventLoop
    private func status(
        of gateway: RunningGateway, _ process: RunningProcess, _ terminal: Terminal, _ situation: String,
        where isMeant: (ServingStatus) -> Bool
    ) async throws -> ServingStatus {
        let start = ContinuousClock.now
        var isTold = false
        while true {
            if let status = ServingStatus(of: process, in: gateway.folder), isMeant(status) { return status }
            guard try gateway.process() == process else {
                throw Refusal("the gateway (process \(process.id)) has stopped meanwhile; its log says why")
            }
            let waited = start.duration(to: .now)
            guard waited < Self.patience else {
                throw Refusal("\(situation), after \(Self.patience.components.seconds) seconds; its log may say why")
            }
            if waited >= Self.silence, !isTold {
                isTold = true
                terminal.remark("\(situation); waiting for it")
            }
            try await EventLoop.sleep(for: Self.pause)
        }
    }
}

/// The gateway that uses a data folder, as another process sees it.
private struct RunningGateway {
    let folder: String

    /// Its process; `nil` when none runs.
    func process() throws -> RunningProcess? {
        do throws(FileError) { return try FileLock.holder(path: folder + "/lock") } catch {
            throw Refusal("cannot tell whether a gateway runs: \(error)")
        }
    }
}
