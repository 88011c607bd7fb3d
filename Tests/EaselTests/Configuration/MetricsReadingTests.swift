import Testing
import YAML

@testable import Easel

struct MetricsReadingTests {
    private static let token = "0123456789abcdef"

    private func read(_ setting: String) throws -> Result<Configuration, MistakeList> {
        let text = """
            \(setting)
            providers: {offline: {dialect: sandbox}}
            models: {otter: {routes: [{provider: offline}]}}
            """
        return ConfigurationReader.read(
            try Document.parse(text), file: "easel.yaml", dialects: try BuiltinDialects.catalog(),
            environment: { $0 == "TOKEN" ? Self.token : nil })
    }

    @Test(arguments: ["", "metrics:", "metrics: {}", "metrics: {token: }"])
    func `without a token there is none`(setting: String) throws {
        #expect(try read(setting).get().metricsToken == nil)
    }

    @Test(arguments: [token, "${TOKEN}"]) func `a token is read, and not shown`(text: String) throws {
        let token = try #require(try read("metrics: {token: \"\(text)\"}").get().metricsToken)
        #expect(token.reveal() == Self.token)
        #expect("\(token)" == "•••")
    }

    @Test(arguments: [
        ("{token: tooshort}", 18, "shorter than 16 characters"),
        ("{token: \"two words and some more\"}", 18, "without spaces"),
        ("{token: \"\"}", 18, "shorter than 16 characters"), ("{tokn: \(token)}", 11, "did you mean 'token'?"),
        ("{token: \"${NOT_SET}\"}", 18, "the environment variable NOT_SET is not set"),
        ("\(token)", 10, "'metrics' must be a mapping of token"),
        ("{token: [\(token)]}", 18, "'metrics.token' must be text"),
    ])
    func `a token that is none is told with its place, and not repeated`(
        setting: String, column: Int, message: String
    ) throws {
        let mistake = try read("metrics: \(setting)").onlyMistake()
        #expect(mistake.message.contains(message), "\(mistake)")
        #expect((mistake.position.line, mistake.position.column) == (1, column))
        for secret in [Self.token, "tooshort", "two words"] { #expect(!mistake.message.contains(secret)) }
    }
}
