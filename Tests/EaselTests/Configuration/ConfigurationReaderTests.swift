import Testing
import YAML

@testable import Easel

struct ConfigurationReaderTests {
    private func read(_ text: String, environment: [String: String] = [:]) throws -> Result<Configuration, MistakeList>
    {
        ConfigurationReader.read(
            try Document.parse(text), file: "easel.yaml", dialects: try BuiltinDialects.catalog(),
            environment: { environment[$0] })
    }

    private let smallest = """
        providers: {offline: {dialect: sandbox}}
        models: {sandbox: {routes: [{provider: offline}]}}

        """

    @Test func `the smallest configuration gets the defaults that the documentation promises`() throws {
        let configuration = try read(smallest).get()
        #expect(configuration.listen == "127.0.0.1:8080")
        #expect(configuration.publicURL == "http://127.0.0.1:8080")
        #expect(configuration.results.keep == .seconds(30 * 86_400))
        #expect(configuration.results.maxDisk == 50_000_000_000)
        #expect(configuration.limits.body == 256_000_000)
        #expect(configuration.models.first?.routes.first?.model == "sandbox")
        #expect(configuration.models.first?.routes.first?.price == nil)
    }

    @Test func `links follow the address that is listened on unless public_url says otherwise`() throws {
        #expect(try read(smallest + "listen: 127.0.0.1:9\n").get().publicURL == "http://127.0.0.1:9")
        #expect(
            try read(smallest + "listen: 127.0.0.1:9\npublic_url: https://a.example/x/\n").get().publicURL
                == "https://a.example/x")
    }

    @Test func `the example of the repository is right`() throws {
        let configuration = try read(try TestData.repository("config/easel.yaml")).get()
        #expect(configuration.model(named: "dall-e-3")?.name == "sandbox")
        #expect(configuration.defaults.edit == "sandbox")
    }

    @Test func `variables come from the environment and are not seen again`() throws {
        let text = """
            providers: {p: {dialect: openai, api_key: "${KEY}", base_url: "${URL:-http://127.0.0.1:1/v1}"}}
            models: {m: {routes: [{provider: p, price: 0.04}]}}
            """
        let provider = try #require(try read(text, environment: ["KEY": "sk-1"]).get().providers["p"])
        #expect(provider.apiKey.reveal() == "sk-1")
        #expect(provider.baseURL == "http://127.0.0.1:1/v1")
        #expect(!String(reflecting: provider).contains("sk-1"))
    }

    @Test func `a variable that is not set is a mistake that names it`() throws {
        let text = smallest.replacing("dialect: sandbox", with: "dialect: openai, api_key: \"${NOPE}\"")
        guard case .failure(let mistakes) = try read(text) else {
            Issue.record("the configuration was accepted")
            return
        }
        #expect(
            mistakes.all.map(\.description) == [
                "easel.yaml:1:49: the environment variable NOPE is not set; set it, or write ${NOPE:-default}"
            ])
    }

    @Test func `every mistake is found at once, with its place and a suggestion`() throws {
        let text = try TestData.text("Configuration/Examples/mistakes.yaml")
        guard case .failure(let mistakes) = try read(text) else {
            Issue.record("the configuration was accepted")
            return
        }
        let expected = try TestData.text("Configuration/Examples/mistakes.expected").split(separator: "\n").map(
            String.init)
        #expect(mistakes.all.map { $0.description.replacing("easel.yaml", with: "mistakes.yaml") } == expected)
    }
}
