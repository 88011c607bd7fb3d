import Crypto
import JSON
import LibEvent
import Support
import Testing

@testable import Easel

/// What `easel keys` does for an owner, from the first key to the last.
@Suite(.onEventLoop)
struct KeysCommandTests {
    private let folder = TemporaryFolder()

    @EventLoop private func keys(
        _ words: String..., input: String? = nil
    ) async throws -> (status: Int32, out: String, error: String) {
        let path = "\(folder.path)/easel.yaml"
        try folder.write(Array("data: \(folder.path)/data\n\(Parts.sandbox)".utf8), to: "easel.yaml")
        let (out, error) = (Text(), Text())
        let terminal = Terminal(
            write: { out.append($0) }, writeError: { error.append($0) }, readLine: { input })
        let status = await EaselCommand.run(["keys"] + words + ["--config", path], on: terminal)
        return (status, out.value, error.value)
    }

    /// Makes a key, and gives its id.
    @EventLoop private func create(_ options: String...) async throws -> (id: String, key: String) {
        let path = "\(folder.path)/easel.yaml"
        try folder.write(Array("data: \(folder.path)/data\n\(Parts.sandbox)".utf8), to: "easel.yaml")
        let out = Text()
        let words = ["keys", "create", "--name", "team", "--json", "--config", path] + options
        _ = await EaselCommand.run(words, on: Terminal(write: { out.append($0) }, writeError: { _ in }))
        let json = try JSONValue(parsing: Array(out.value.utf8))
        return (try #require(json["id"]?.string), try #require(json["key"]?.string))
    }

    @EventLoop private func shown(_ id: String) async throws -> JSONValue {
        try JSONValue(parsing: Array(try await keys("show", id, "--json").out.utf8))
    }

    @Test @EventLoop func `a key is made with limits, and shows them`() async throws {
        let (id, _) = try await create(
            "--budget", "20/month", "--budget", "1.5/day", "--rpm=60", "--images-per-minute", "10", "--concurrency",
            "4", "--expires", "2099-01-31")
        let text = try await keys("show", id).out
        for line in [
            "  name              team", "  models            every model",
            "  expires           2099-01-31T00:00:00.000Z",
            "  requests          60 a minute", "  images            10 a minute", "  jobs              4 at once",
            "  unknown prices    refused", "  spent this day    0.00 of 1.50 USD",
            "  spent this month  0.00 of 20.00 USD", "  spent in all      0.00 USD",
        ] { #expect(text.contains("\n\(line)"), "\(text)") }
        let json = try await shown(id)
        #expect(json["budget"] == ["day": 1.5, "month": 20.0])
        #expect(json["rpm"] == 60 && json["images_per_minute"] == 10 && json["concurrency"] == 4)
        #expect(json["spent"]?["total"]?.number == 0)
        let list = try await keys("list").out
        #expect(list.contains("1.50/day, 20.00/month, 60 rpm, 10 images/min, 4 at once"))
        #expect(list.contains("expires 2099-01-31"))
    }

    @Test @EventLoop func `limits are changed one by one, and taken away`() async throws {
        let (id, _) = try await create("--budget", "20/month", "--rpm", "60")
        #expect(
            try await keys("limit", id, "--budget", "5/day", "--concurrency", "2").out
                == "\(id) now has the limits: 5.00/day, 60 rpm, 2 at once; running servers know within a second\n")
        #expect(try await keys("limit", id, "--budget", "none", "--rpm", "none").out.contains(": 2 at once;"))
        #expect(try await shown(id)["budget"] == [:])
        #expect(try await keys("limit", "key_none", "--rpm", "1").status == 1)
    }

    @Test @EventLoop func `a key is replaced under its id`() async throws {
        let (id, key) = try await create("--rpm", "60")
        let rotated = try await keys("rotate", id)
        #expect(rotated.status == 0)
        #expect(rotated.out.hasPrefix("sk-easel-"))
        #expect(rotated.out != key + "\n")
        #expect(rotated.error.contains("The new key of \(id), whose old one is refused within a second"))
        #expect(try await keys("rotate", id, "--grace", "24h").error.contains("works until 2"))
        #expect(try await shown(id)["rpm"] == 60)
        #expect(try await keys("revoke", id).status == 0)
        for action in [["rotate"], ["revoke"], ["limit", "--rpm", "1"]] {
            let done = try await keys(action[0], id)
            #expect(done.status != 0)
        }
        #expect(try await keys("show", id).out.hasPrefix("\(id)  revoked "))
        #expect(try await keys("show", "key_none").error.contains("there is no key 'key_none'"))
    }

    @Test @EventLoop func `the digest of a key is what a configuration says of it`() async throws {
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
        #expect(try await keys("hash", input: "abc").out == digest)
        #expect(try await keys("hash", input: " abc\t").out == digest)
        #expect(try await keys("hash", input: "").error.contains("reads a key from standard input"))
        #expect(try await keys("hash", input: nil).status == 1)
    }

    @Test @EventLoop func `a key that a file declares is changed there`() async throws {
        _ = try await create()
        let ledger = try Ledger(folder: "\(folder.path)/data")
        let key = DeclaredKey(
            name: "team-a", digest: try #require(Digest(hexadecimal: String(repeating: "a", count: 64))))
        try await ledger.declare([key], at: WallClock.system.now)
        await ledger.close()
        for done in [
            try await keys("rotate", "key_team-a"), try await keys("revoke", "key_team-a"),
            try await keys("limit", "key_team-a", "--rpm", "1"),
        ] {
            #expect(done.status == 1)
            #expect(done.error.contains("declared under 'keys.team-a' of the configuration; change it there"))
        }
        #expect(try await keys("show", "key_team-a").out.contains("team-a, declared in the configuration"))
    }
}
