import Testing

@testable import Easel

struct ArgumentsTests {
    private func parse(_ words: String...) throws(UsageError) -> Arguments {
        try Arguments(words[...], options: ["config", "name"], flags: ["json"])
    }

    @Test(arguments: [["--name", "ci"], ["--name=ci"]])
    func `an option has its value after it or behind a sign`(words: [String]) throws {
        let arguments = try Arguments(words[...], options: ["name"])
        #expect(arguments["name"] == "ci")
        #expect(arguments["config"] == nil)
    }

    @Test func `options, flags and words may come in any order`() throws {
        var arguments = try parse("create", "--json", "a", "--name=x=y", "b")
        #expect(arguments.has("json"))
        #expect(arguments["name"] == "x=y")
        #expect([arguments.next(), arguments.next(), arguments.next(), arguments.next()] == ["create", "a", "b", nil])
        try arguments.end()
    }

    @Test func `the last of equal options counts, and a value may look like an option`() throws {
        let arguments = try parse("--name", "a", "--name", "--json")
        #expect(arguments["name"] == "--json")
        #expect(!arguments.has("json"))
        #expect(try parse("--name=")["name"] == "")
    }

    @Test(arguments: [
        (["--nmae", "x"], "unknown option '--nmae', did you mean '--name'?"),
        (["--verbose"], "unknown option '--verbose'"), (["--name"], "--name needs a value"),
        (["--"], "unknown option '--'"), (["--json=yes"], "--json takes no value"),
    ])
    func `what is not understood is named`(words: [String], message: String) {
        let error = #expect(throws: UsageError.self) {
            try Arguments(words[...], options: ["config", "name"], flags: ["json"])
        }
        #expect(error?.message == message)
    }

    @Test func `a word too many is named`() throws {
        let error = #expect(throws: UsageError.self) { try parse("list", "all").end() }
        #expect(error?.message == "unexpected 'list'")
    }
}
