import JSON
import Testing

@testable import Easel

struct TutorialTests {
    /// The tutorial's example: its first block of YAML and its first block of JSON.
    private static let fixture: Fixture? = {
        guard let page = try? String(decoding: Fixture.contents("\(Fixture.package)/docs/dialects.md"), as: UTF8.self),
            let yaml = block("yaml", of: page), let json = block("json", of: page),
            let dialect = try? DialectCompiler.compile(text: Array(yaml.utf8), name: "acme", file: "acme.yaml").get(),
            let value = try? JSONValue(parsing: Array(json.utf8))
        else { return nil }
        return Fixture(name: "acme", dialect: dialect, json: value)
    }()

    @Test func `the tutorial's dialect does what the tutorial says`() throws {
        let fixture = try #require(Self.fixture)
        try FixtureTests().`an order becomes exactly these requests and this report`(fixture: fixture)
        try FixtureTests().`an answer means exactly this`(fixture: fixture)
    }

    @Test func `its table says what a person would look for on the provider's page`() throws {
        let dialect = try #require(Self.fixture?.dialect)
        let table = try #require(dialect.parameterTables.first { $0.operation == .edit })
        let rows = table.rows.map { "\($0.parameter) | \($0.native) | \($0.bounds) | \($0.notes)" }
        #expect(
            rows == [
                "prompt | text | 500 characters | required",
                "images | pictures[] | 1..2, as data URI | ",
                "n |  |  | one request per image",
                "size | dimensions | sides 256..1024, multiples of 8 | ",
                "seed | lucky_number | 0..999 | ",
                "steps | rounds | 1..40 | ",
            ])
    }

    private static func block(_ language: String, of page: String) -> String? {
        guard let open = page.firstRange(of: "```\(language)\n"),
            let close = page[open.upperBound...].firstRange(of: "\n```")
        else { return nil }
        return String(page[open.upperBound..<close.lowerBound])
    }
}
