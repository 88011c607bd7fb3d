import Files
import LibEvent
import YAML

/// The commands of the program, by name.
///
/// Exit codes are 0 for done, 1 for refused, 2 for not understood.
package enum EaselCommand {
    package static let version = "0.1.0"

    static let usage = """
        easel, one OpenAI-compatible images API in front of every image provider

        usage:
          easel serve            run the gateway
          easel reload           have the running gateway read its configuration again
          easel check            find every mistake in the configuration
          easel check --data     compare the ledger with the images on disk
          easel keys ACTION      create, list, show, limit, rotate or revoke keys; hash one for the configuration
          easel usage            what was asked for, and what it cost
          easel jobs list        the newest jobs
          easel jobs show ID     what happened to one
          easel dialects [NAME]  the dialects it speaks, and what each does with every parameter
          easel version

        'easel COMMAND --help' tells the options. All but version take --config FILE (default: easel.yaml).

        """

    /// All but `version`, which has nothing to understand, and `help`.
    private static let commands: KeyValuePairs<String, any Command.Type> = [
        "serve": ServeCommand.self, "reload": ReloadCommand.self, "check": CheckCommand.self, "keys": KeysCommand.self,
        "usage": UsageCommand.self, "jobs": JobsCommand.self, "dialects": DialectsCommand.self,
    ]

    /// Sees to what has to be so before anything is opened.
    package static func prepareProcess() {
        StandardStreams.openClosed()
        makeFilesForOwnerOnly()
    }

    /// Runs one command to its end.
    ///
    /// - Parameter arguments: The words after the program's name.
    /// - Returns: The exit code.
    @EventLoop
    package static func run(_ arguments: [String]) async -> Int32 {
        let terminal = Terminal()
        var status = await run(arguments, on: terminal)
        do { try StandardOutput.flush() } catch {
            terminal.remark("easel: \(error)")
            status = max(status, 1)
        }
        StandardError.flush()
        return status
    }

    @EventLoop
    static func run(_ arguments: [String], on terminal: Terminal) async -> Int32 {
        do {
            try await dispatch(arguments, terminal)
            return 0
        } catch let error as UsageError {
            let name = arguments.first.flatMap { command(named: $0) == nil ? nil : " \($0)" } ?? ""
            terminal.remark("easel: \(error.message)\nRun 'easel\(name) --help' to see how it is used.")
            return 2
        } catch let error as Refusal {
            terminal.remark("easel: \(error.message)")
            return 1
        } catch let error as MistakeList {
            for mistake in error.all { terminal.remark("\(mistake)") }
            terminal.remark(error.all.count.of("mistake"))
            return 1
        } catch {
            terminal.remark("easel: \(error)")
            return 1
        }
    }

    @EventLoop
    private static func dispatch(_ arguments: [String], _ terminal: Terminal) async throws {
        if let help = help(for: arguments) { return terminal.print(help, terminator: "") }
        let name = arguments.first ?? ""
        if ["version", "--version"].contains(name) { return terminal.print("easel \(version)") }
        guard let type = command(named: name) else {
            let names = commands.map(\.key) + ["version", "help"]
            throw UsageError("unknown command '\(name)'\(didYouMean(name, among: names))")
        }
        try await type.init(arguments.dropFirst()).run(on: terminal)
    }

    /// How the program or one of its commands is used, where the words ask for that.
    private static func help(for arguments: [String]) -> String? {
        let flags = ["--help", "-h"]
        guard let first = arguments.first else { return usage }
        if first == "help" || flags.contains(first) {
            return arguments.dropFirst().first.flatMap(command(named:))?.usage ?? usage
        }
        return arguments.contains(where: flags.contains) ? command(named: first)?.usage : nil
    }

    private static func command(named name: String) -> (any Command.Type)? {
        commands.first { $0.key == name }?.value
    }
}

/// One of the program's commands.
protocol Command: SendableMetatype {
    /// How it is used.
    static var usage: String { get }

    /// Understands the words after the command's name.
    init(_ raw: ArraySlice<String>) throws(UsageError)

    @EventLoop func run(on terminal: Terminal) async throws
}
