import Crypto
import Testing
import YAML

@testable import Easel

struct KeyReadingTests {
    private let digits = String(repeating: "0a", count: 32)

    private func read(_ keys: String, _ more: String = "") throws -> Result<Configuration, MistakeList> {
        let text = """
            providers: {offline: {dialect: sandbox}}
            models: {otter: {routes: [{provider: offline}]}}
            keys: \(keys.replacing("DIGITS", with: digits))
            \(more)
            """
        return ConfigurationReader.read(
            try Document.parse(text), file: "easel.yaml", dialects: try BuiltinDialects.catalog(),
            environment: { _ in nil })
    }

    @Test func `a key is declared with everything that a command can say of one`() throws {
        let keys = try read(
            """
            {team-a: {sha256: DIGITS, models: [otter], budget: [20.00/month, 5/day], rpm: 60, images_per_minute: 10,
              concurrency: 4, expires: 2027-01-31, unknown_prices: allow}}
            """
        ).get().keys
        let key = try #require(keys.first)
        #expect(key.id == "key_team-a")
        #expect(key.digest.hexadecimal == digits)
        #expect(key.models == ["otter"])
        var limits = KeyLimits(
            requestsPerMinute: 60, imagesPerMinute: 10, concurrency: 4, expiresAt: Day("2027-01-31")?.start,
            unknownPrices: true)
        limits.budget = try #require(Budget("5/day,20/month"))
        #expect(key.limits == limits)
    }

    @Test(arguments: ["", "~", "{}"]) func `no keys are no mistake`(keys: String) throws {
        #expect(try read(keys).get().keys.isEmpty)
    }

    @Test(arguments: [
        ("[a]", "'keys' must be a mapping of names"), ("{a: {}}", "'keys.a' needs the sha256 of a key"),
        ("{a: {sha256: abc}}", "'keys.a.sha256' is 'abc'; write it like the 64 digits that 'easel keys hash' prints"),
        ("{\"a b\": {sha256: DIGITS}}", "'a b' does not"),
        ("{a: {sha256: DIGITS, rmp: 1}}", "unknown key 'rmp' in 'keys.a', did you mean 'rpm'?"),
        ("{a: {sha256: DIGITS, rpm: 0}}", "'keys.a.rpm' is '0'; write it like 60, from 1 to 1000000"),
        ("{a: {sha256: DIGITS, budget: 20}}", "write it like 20.00/month, 5/day or 100/total"),
        ("{a: {sha256: DIGITS, budget: [1/day, 2/day]}}", "'keys.a.budget' is no list of amounts"),
        ("{a: {sha256: DIGITS, models: [oter]}}", "there is no model 'oter', did you mean 'otter'?"),
        ("{a: {sha256: DIGITS, models: otter}}", "'keys.a.models' must be a list such as [sandbox]"),
        ("{a: {sha256: DIGITS, expires: 90d}}", "'keys.a.expires' is '90d'; write it like 2027-01-31"),
        ("{a: {sha256: DIGITS}, b: {sha256: DIGITS}}", "'keys.b' is the same key as 'keys.a'"),
    ])
    func `a mistake in a key is told with its place`(keys: String, message: String) throws {
        let mistake = try read(keys).onlyMistake()
        #expect(mistake.position.line == 3)
        #expect(mistake.message.contains(message), "\(mistake)")
    }

    @Test func `there is room for as many bodies as the largest makes likely, unless the owner says otherwise`() throws
    {
        let standard = try read("{}").get().limits.holdings
        #expect(standard == BytesInFlight.Bounds(all: 4_096_000_000, perKey: 2_048_000_000))
        let large = try read("{}", "limits: {body: 3GB}").get().limits.holdings
        #expect(large == BytesInFlight.Bounds(all: 48_000_000_000, perKey: 24_000_000_000))
        let said = try read("{}", "limits: {in_flight: 2GB, in_flight_per_key: 300MB, jobs: 5}").get().limits
        #expect(said.holdings == BytesInFlight.Bounds(all: 2_000_000_000, perKey: 300_000_000))
        #expect(said.jobs == 5)
        let mistakes = try read("{}", "limits: {body: 1GB, in_flight_per_key: 1MB}").mistakes()
        #expect(mistakes.first?.message.contains("'limits.in_flight_per_key' has no room for one body") == true)
    }
}
