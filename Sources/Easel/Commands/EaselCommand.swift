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
          easel serve    [--config easel.yaml]     run the gateway
          easel reload   [--config easel.yaml]     have the running gateway read its configuration again
          easel check    [--config easel.yaml]     validate config and dialects: every mistake at once, file:line:column
          easel check    --data [--deep]           compare the ledger with the images on disk; --deep reads every image
          easel keys     create --name NAME [--models A,B] [LIMITS] | list | show ID | limit ID LIMITS
          easel keys     rotate ID [--grace 24h] | revoke ID | hash
          easel usage    [--by key|model|provider|day] [--since 7d] [--csv]
          easel jobs     list [--limit 20] | show ID
          easel dialects [NAME]                    the dialects it speaks; NAME prints its parameter table
          easel version

        LIMITS of a key are --budget 20.00/month, --rpm 60, --images-per-minute 10, --concurrency 4,
        --expires 2027-01-31 (or 90d) and --unknown-prices allow (or refuse); each takes 'none', too.
        Every command takes --config (default easel.yaml); those that print tables take --json.

        """

    /// Runs one command to its end.
    ///
    /// - Parameter arguments: The words after the program's name.
    /// - Returns: The exit code.
    @EventLoop
    package static func run(_ arguments: [String]) async -> Int32 {
        let status = await run(arguments, on: Terminal())
        StandardError.flush()
        return status
    }

    @EventLoop
    static func run(_ arguments: [String], on terminal: Terminal) async -> Int32 {
        do {
            try await dispatch(arguments, terminal)
            return 0
        } catch let error as UsageError {
            terminal.remark("easel: \(error.message)\nRun 'easel' without arguments to see how it is used.")
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
        let rest = arguments.dropFirst()
        switch arguments.first {
        case "serve": try await ServeCommand(rest).run(on: terminal)
        case "reload": try await ReloadCommand(rest).run(on: terminal)
        case "check": try await CheckCommand(rest).run(on: terminal)
        case "keys": try await KeysCommand(rest).run(on: terminal)
        case "usage": try await UsageCommand(rest).run(on: terminal)
        case "jobs": try await JobsCommand(rest).run(on: terminal)
        case "dialects": try await DialectsCommand(rest).run(on: terminal)
        case "version", "--version": terminal.print("easel \(version)")
        case nil, "help", "--help", "-h": terminal.print(usage, terminator: "")
        case let other?:
            let names = ["serve", "reload", "check", "keys", "usage", "jobs", "dialects", "version"]
            let hint = suggestion(for: other, among: names).map { ", did you mean '\($0)'?" } ?? ""
            throw UsageError("unknown command '\(other)'\(hint)")
        }
    }
}
