import Files
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

    @Test func `every key that can be set is told in the example`() throws {
        let example = try TestData.repository("config/easel.yaml")
        let reader = try TemporaryFolder.files(below: TestData.root + "/Sources/Easel/Configuration")
            .map { String(decoding: try readFile($0, limit: 1 << 20), as: UTF8.self) }.joined()
        let keys = reader.split(separator: ".allow(").dropFirst().flatMap { call in
            call.prefix { $0 != ")" }.split(separator: "\"").filter { $0.allSatisfy { $0.isLetter || $0 == "_" } }
        }
        #expect(Set(keys).isSuperset(of: ["listen", "job_timeout", "weight", "failures", "pixels"]))
        for key in keys {
            let isTold = example.ranges(of: "\(key):").contains { range in
                range.lowerBound == example.startIndex
                    || " {`\n".contains(example[example.index(before: range.lowerBound)])
            }
            #expect(isTold, "config/easel.yaml does not tell of '\(key)'")
        }
    }

    @Test func `a provider without further words gets limits and deadlines that are fit for images`() throws {
        let provider = try #require(try read(smallest).get().providers["offline"])
        #expect(provider.traffic == TrafficLimits())
        #expect(provider.traffic.concurrency == 64 && provider.traffic.rate == nil)
        #expect(provider.traffic.queue == 1000 && provider.traffic.queueWait == .seconds(120))
        #expect(provider.traffic.breaker == Breaker.Settings(failures: 5, pause: .seconds(30)))
        #expect(provider.connectTimeout == .seconds(10))
        #expect(provider.timeout == .seconds(600))
        #expect(provider.idleTimeout == .seconds(120))
        #expect(provider.pollTimeout == .seconds(30))
        #expect(provider.jobTimeout == .seconds(3600))
    }

    @Test func `limits, deadlines and weights are the owner's to set`() throws {
        let text = """
            download_timeout: 1m
            providers:
              calm:
                dialect: sandbox
                concurrency: 2
                rate: 60/minute
                queue: 0
                queue_wait: 10s
                breaker: {failures: 3, pause: 1m}
                connect_timeout: 1s
                timeout: 20m
                idle_timeout: 3s
                poll_timeout: 4s
                job_timeout: 5h
              bold: {dialect: sandbox, breaker: off}
            models: {m: {routes: [{provider: calm, weight: 3}, {provider: bold, weight: 0}]}}
            """
        let configuration = try read(text).get()
        let (calm, bold) = (configuration.providers["calm"], configuration.providers["bold"])
        #expect(
            calm?.traffic
                == TrafficLimits(
                    concurrency: 2, rate: Rate(60, per: .minute), queue: 0, queueWait: .seconds(10),
                    breaker: Breaker.Settings(failures: 3, pause: .seconds(60))))
        #expect(calm?.connectTimeout == .seconds(1) && calm?.timeout == .seconds(1200))
        #expect(calm?.idleTimeout == .seconds(3) && calm?.pollTimeout == .seconds(4))
        #expect(calm?.jobTimeout == .seconds(18_000))
        #expect(bold?.traffic.breaker == nil && bold?.timeout == .seconds(600))
        #expect(configuration.downloadTimeout == .seconds(60))
        #expect(configuration.models.first?.routes.map(\.weight) == [3, 0])
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
        let mistakes = try read(text).mistakes()
        #expect(
            mistakes.map(\.description) == [
                "easel.yaml:1:49: the environment variable NOPE is not set; set it, or write ${NOPE:-default}"
            ])
    }

    @Test func `every mistake is found at once, with its place and a suggestion`() throws {
        let text = try TestData.text("Configuration/Examples/mistakes.yaml")
        let mistakes = try read(text).mistakes()
        let expected = try TestData.text("Configuration/Examples/mistakes.expected").split(separator: "\n").map(
            String.init)
        #expect(mistakes.map { $0.description.replacing("easel.yaml", with: "mistakes.yaml") } == expected)
    }
}
