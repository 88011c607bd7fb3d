import Files
import JSON
import LibEvent
import SQLite
import Support
import Testing

@testable import Easel

/// What the commands print, and how they end.
@Suite(.onEventLoop)
struct EaselCommandTests {
    private let folder = TemporaryFolder()

    @EventLoop private func run(_ words: [String]) async -> (status: Int32, out: String, error: String) {
        let (out, error) = (Text(), Text())
        let status = await EaselCommand.run(
            words, on: Terminal(write: { out.append($0) }, writeError: { error.append($0) }))
        return (status, out.value, error.value)
    }

    @EventLoop private func run(_ words: String...) async -> (status: Int32, out: String, error: String) {
        await run(words)
    }

    /// Makes a ledger, perhaps that of an earlier version.
    private func makeLedger(_ migrations: [Migration] = Schema.migrations) async throws {
        try Directory("\(folder.path)/data").create()
        await (try Database(path: "\(folder.path)/data/easel.sqlite", migrations: migrations)).close()
    }

    /// Writes a configuration into the test's folder, and gives its path.
    private func configure(_ text: String = Parts.sandbox) throws -> String {
        try folder.write(Array("data: \(folder.path)/data\n\(text)".utf8), to: "easel.yaml")
        return "\(folder.path)/easel.yaml"
    }

    @Test(arguments: [[], ["help"], ["--help"], ["-h"]])
    @EventLoop func `without a command it says how it is used`(words: [String]) async {
        let (status, out, error) = await run(words)
        #expect(status == 0)
        #expect(out == EaselCommand.usage)
        for command in ["serve", "check", "keys", "usage", "jobs", "dialects"] {
            #expect(out.contains("easel \(command)"))
        }
        #expect(error.isEmpty)
    }

    @Test(arguments: ["serve", "reload", "check", "keys", "usage", "jobs", "dialects"])
    @EventLoop func `each command says how it is used`(command: String) async {
        for words in [
            [command, "--help"], [command, "-h"], ["help", command], [command, "list", "--deep", "--help"],
        ] {
            let (status, out, error) = await run(words)
            #expect(status == 0)
            #expect(out.hasPrefix("usage:"))
            #expect(out.contains("easel \(command)"))
            #expect(out.contains("--config"))
            #expect(out.split(separator: "\n").allSatisfy { $0.count <= 120 })
            #expect(error.isEmpty)
        }
        #expect(EaselCommand.usage.contains("easel \(command)"))
    }

    @Test @EventLoop func `every option of a key's is explained`() async {
        let out = await run("keys", "--help").out
        for option in KeyOptions.names + ["name", "models", "grace", "json"] { #expect(out.contains("--\(option) ")) }
    }

    @Test @EventLoop func `its version is one line`() async {
        #expect(await run("--version").out == "easel \(EaselCommand.version)\n")
        #expect(await run("version").status == 0)
    }

    @Test(arguments: [
        (["serv"], "unknown command 'serv', did you mean 'serve'?"), (["paint"], "unknown command 'paint'"),
        (["keys"], "keys needs an action: create, list, show, limit, rotate, revoke or hash"),
        (["keys", "make"], "unknown action 'keys make'; there are create, list, show, limit, rotate, revoke and hash"),
        (["keys", "craete"], "unknown action 'keys craete', did you mean 'create'?"),
        (["keys", "revoke", "key_x", "--rpm", "3"], "'keys revoke' has no option --rpm"),
        (["keys", "limit", "key_x", "--rpm", "3", "--name", "b"], "'keys limit' has no option --name"),
        (["jobs", "show", "req_x", "--limit", "3"], "'jobs show' has no option --limit"),
        (["keys", "create", "--name", "a", "--budget", "20"], "--budget takes amounts such as 20.00/month, 5/day"),
        (["keys", "create", "--name", "a", "--budget", "1/day", "--budget", "2/day"], "--budget takes amounts"),
        (["keys", "create", "--name", "a", "--rpm", "0"], "--rpm takes a number from 1 to 1000000; or none"),
        (["keys", "create", "--name", "a", "--expires", "2027-02-30"], "--expires takes a date such as 2027-01-31"),
        (["keys", "limit", "key_x"], "keys limit needs a limit: --budget, --rpm, --images-per-minute"),
        (["keys", "rotate", "key_x", "--grace", "soon"], "--grace takes a time such as 24h"),
        (["keys", "show"], "keys show needs the ID"),
        (["keys", "create"], "keys create needs --name NAME"), (["keys", "create", "--name", ""], "keys create needs"),
        (["keys", "revoke"], "keys revoke needs the ID"), (["keys", "list", "all"], "unexpected 'all'"),
        (["jobs"], "jobs needs an action: list or show"), (["jobs", "show"], "jobs show needs an ID"),
        (["jobs", "list", "--limit", "0"], "--limit takes a number above 0"),
        (["jobs", "list", "--limit", "many"], "--limit takes a number above 0"),
        (["usage", "--by", "week"], "--by takes key, model, provider or day"),
        (["usage", "--json", "--csv"], "--json and --csv are two forms"),
        (["usage", "--since", "yesterday"], "--since takes a time such as 12h or 7d"),
        (["serve", "--confg", "x"], "unknown option '--confg', did you mean '--config'?"),
        (["check", "now"], "unexpected 'now'"), (["check", "--deep"], "--deep goes with --data"),
        (["check", "--json"], "--json goes with --data"), (["dialects", "a", "b"], "unexpected 'b'"),
    ])
    @EventLoop func `what is not understood ends with 2 and a hint`(words: [String], message: String) async {
        let (status, out, error) = await run(words)
        #expect(status == 2)
        #expect(error.hasPrefix("easel: \(message)"))
        let command = ["serv", "paint"].contains(words[0]) ? "" : " \(words[0])"
        #expect(error.hasSuffix("Run 'easel\(command) --help' to see how it is used.\n"))
        #expect(out.isEmpty)
    }

    @Test @EventLoop func `a configuration that is not there is named, with the way to name another`() async {
        let (status, _, error) = await run("check", "--config", "\(folder.path)/none.yaml")
        #expect(status == 1)
        #expect(error.contains("none.yaml"))
        #expect(error.contains("--config"))
    }

    @Test @EventLoop func `every mistake of a configuration is told at once`() async throws {
        let path = try configure(
            """
            listne: 127.0.0.1:8080
            providers: {offline: {dialect: sandbx}}
            models: {otter: {routes: [{provider: oflfine}]}}
            """)
        let (status, out, error) = await run("check", "--config", path)
        #expect(status == 1)
        #expect(out.isEmpty)
        let lines = error.split(separator: "\n")
        try #require(lines.count == 4, "\(error)")
        #expect(lines[0].hasPrefix("\(path):2:1: unknown key 'listne' in the configuration, did you mean 'listen'?"))
        #expect(lines[1].hasPrefix("\(path):3:"))
        #expect(lines[1].contains("unknown dialect 'sandbx', did you mean 'sandbox'?"))
        #expect(lines[2].contains("did you mean 'offline'?"))
        #expect(lines[3] == "3 mistakes")
    }

    @Test @EventLoop func `a variable may tell a provider's dialect`() async throws {
        let path = try configure(
            """
            providers: {offline: {dialect: "${NO_DIALECT_IS_SET:-sandbox}"}}
            models: {otter: {routes: [{provider: offline}]}}
            """)
        #expect(await run("check", "--config", path).status == 0)
    }

    @Test @EventLoop func `a configuration without mistakes is summed up, with what is likely not meant`() async throws
    {
        let path = try configure(
            """
            providers: {offline: {dialect: sandbox}, spare: {dialect: sandbox}}
            models: {otter: {routes: [{provider: offline}]}}
            aliases: {dall-e-3: otter}
            """)
        let (status, out, error) = await run("check", "--config", path)
        #expect(status == 0)
        #expect(error.isEmpty)
        #expect(out.hasPrefix("\(path) is fine: 2 providers, 1 model"))
        #expect(out.contains("\nnote: no model uses the provider 'spare'\n"))
        #expect(out.contains("\nnote: the price of 'otter' at 'offline' is unknown\n"))
    }

    @Test @EventLoop func `a key is made, listed and revoked`() async throws {
        let path = try configure()
        try await makeLedger()
        #expect(await run("keys", "list", "--config", path).out.hasPrefix("There are no keys."))
        let made = await run("keys", "create", "--name", "ci", "--models", "sandbox", "--config", path)
        #expect(made.status == 0)
        // The key alone is the result, so that a script can take it; what it is goes beside it.
        #expect(made.out.hasPrefix("sk-easel-"))
        #expect(made.out.split(separator: "\n").count == 1)
        #expect(made.error.contains("'ci'"))
        #expect(made.error.contains("only this once"))

        let list = await run("keys", "list", "--config", path).out.split(separator: "\n")
        try #require(list.count == 2)
        #expect(list[1].contains("ci"))
        #expect(list[1].hasSuffix("active"))
        #expect(!list[1].contains(made.out.dropLast()))
        let id = String(try #require(list[1].split(separator: " ").first))
        #expect(await run("keys", "revoke", id, "--config", path).out.hasPrefix("\(id) is revoked"))
        let again = await run("keys", "revoke", id, "--config", path)
        #expect(again.status == 1)
        #expect(again.error.contains("no active key '\(id)'"))
        let json = try JSONValue(parsing: Array(await run("keys", "list", "--json", "--config", path).out.utf8))
        #expect(json.array?.first?["revoked"]?.int64 != nil)
        #expect(json.array?.first?["models"] == ["sandbox"])
    }

    @Test @EventLoop func `a key for a model that does not exist is refused with the nearest`() async throws {
        let path = try configure()
        let (status, _, error) = await run("keys", "create", "--name", "x", "--models", "sandbix", "--config", path)
        #expect(status == 1)
        #expect(error == "easel: there is no model 'sandbix' in \(path), did you mean 'sandbox'?\n")
    }

    @Test @EventLoop func `jobs and usage are told of what the gateway did`() async throws {
        let path = try configure()
        try await makeLedger()
        #expect(await run("jobs", "list", "--config", path).out == "There are no jobs yet.\n")
        #expect(await run("usage", "--config", path).out == "Nothing was asked for in that time.\n")

        let now = WallClock.system.now
        let newest = RequestID.make(at: now)
        let ledger = try Ledger(folder: "\(folder.path)/data")
        let key = try await ledger.anyKey("ana")
        try await ledger.addJob(
            RequestID.make(at: now - .seconds(60)), key: key, blobs: [.example("a", length: 1000)],
            cost: Money("0.025"), at: now - .seconds(60))
        try await ledger.addJob(newest, key: key, state: .unknown, at: now)
        await ledger.close()

        let list = await run("jobs", "list", "--config", path).out.split(separator: "\n")
        try #require(list.count == 3)
        #expect(list[1].hasPrefix(newest))
        #expect(list[1].contains("unknown"))
        #expect(list[1].contains(" ? "))
        #expect(list[2].contains("0.025"))
        #expect(await run("jobs", "list", "--limit", "1", "--config", path).out.split(separator: "\n").count == 2)
        let json = try JSONValue(parsing: Array(await run("jobs", "list", "--json", "--config", path).out.utf8))
        #expect(json.array?.compactMap { $0["state"]?.string } == ["unknown", "done"])
        #expect(json.array?.first?["cost"] == .null)

        #expect(await run("jobs", "show", newest, "--config", path).out.hasPrefix("\(newest)  unknown\n"))
        let missing = await run("jobs", "show", "req_0", "--config", path)
        #expect(missing.status == 1)
        #expect(missing.error == "easel: there is no job 'req_0'; 'easel jobs list' shows the newest\n")

        #expect(
            await run("usage", "--by", "key", "--config", path).out == """
                KEY                NAME  JOBS  DONE  IMAGES  BYTES           COST USD
                \(key.id)  ana      2     1       1   1000  0.025 + 1 unknown

                """)
        let rows = try JSONValue(parsing: Array(await run("usage", "--json", "--config", path).out.utf8))
        #expect(rows.array?.first?["unknown_cost_jobs"] == 1)
        #expect(rows.array?.first?["cost"]?.number == 0.025)
    }

    @Test(arguments: [
        ["create", "--name", "ci"], ["limit", "key_0", "--rpm", "1"], ["rotate", "key_0"], ["revoke", "key_0"],
    ])
    @EventLoop func `a command that writes upgrades an older ledger once no gateway uses it`(words: [String])
        async throws
    {
        let path = try configure()
        try await makeLedger(Schema.migrations.dropLast())
        let data = "\(folder.path)/data"
        var lock: FileLock? = try FileLock(path: "\(data)/lock")
        let refused = await run(["keys"] + words + ["--config", path])
        #expect(refused.status == 1)
        #expect(
            refused.error == """
                easel: the ledger in '\(data)' is of an older version, and so is the gateway that uses it \
                (process \(RunningProcess.current.id)). Restart the gateway with this version, which upgrades the ledger, \
                and try again

                """)
        #expect(try Ledger.isOutdated(in: data))
        _ = lock.take()
        #expect(await run(["keys"] + words + ["--config", path]).status == (words[0] == "create" ? 0 : 1))
        #expect(try !Ledger.isOutdated(in: data))
    }

    @Test(arguments: [
        ["jobs", "list"], ["jobs", "show", "req_0"], ["usage"], ["keys", "list"], ["keys", "show", "key_0"],
    ])
    @EventLoop func `a command that only reads leaves a new or older data folder as it is`(words: [String]) async throws
    {
        let path = try configure()
        let data = "\(folder.path)/data"
        let new = await run(words + ["--config", path])
        #expect(new.status == 1)
        #expect(new.error.contains("A folder that is new, or of an older version, is made ready by 'easel serve'"))
        #expect(throws: FileError.self) { try Directory(data).files() }

        try await makeLedger(Schema.migrations.dropLast())
        let refused = await run(words + ["--config", path])
        #expect(refused.status == 1)
        #expect(refused.error.contains("it is not up to date"))
        #expect(try Ledger.isOutdated(in: data))
    }

    @Test @EventLoop func `dialects are listed, and one shown with its parameters`() async throws {
        let all = await run("dialects")
        #expect(all.status == 0)
        #expect(all.out.contains("modelverse"))
        let one = await run("dialects", "openai")
        #expect(one.out.split(separator: "\n").first?.hasSuffix("OpenAI") == true)
        #expect(one.out.contains("PARAMETER"))
        let slip = await run("dialects", "opneai")
        #expect(slip.status == 1)
        #expect(slip.error.contains("did you mean 'openai'?"))
        #expect(try JSONValue(parsing: Array(await run("dialects", "--json").out.utf8)).array?.isEmpty == false)
    }
}
