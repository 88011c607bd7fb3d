import Crypto
import HTTP
import HTTPServer
import JSON
import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop)
struct FulfilmentTests {
    // MARK: What is written down, and when

    @Test @EventLoop func `a job and its attempt are written down before the provider hears of them`() async throws {
        let seen = Promise<JobStory?>()
        let folder = TemporaryFolder()
        let provider = try FakeProvider { _ in
            let ledger = try? Ledger(folder: folder.path)
            let newest = try? await ledger?.jobs(limit: 1).first
            seen.fulfil(try? await ledger?.job(newest?.id ?? ""))
            await ledger?.close()
            return .images(png())
        }
        let parts = try Parts(Parts.routes(provider.url), in: folder)
        let (ending, story) = try await parts.run(parts.submission("otter"))
        #expect(ending?.finished?.images.count == 1)

        let before = try #require(seen.value ?? nil)
        #expect(before.job.state == .submitted)
        #expect(before.attempts.map(\.state) == [.submitted])
        #expect(before.attempts.map(\.provider) == ["p0"])
        #expect(before.job.promptCharacters == "an otter".count)

        let after = try #require(story)
        #expect(after.job.state == .done)
        #expect(after.job.cost == Money("0.025"))
        #expect(after.attempts.map(\.state) == [.done])
        #expect(after.attempts.first?.upstreamStatus == 200)
        #expect(after.images.map(\.blob.digest) == [SHA256.digest(of: png())])
        #expect(provider.calls.count == 1)
        #expect(provider.calls.first?.request.fields["authorization"] == "Bearer secret")
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `the prompt reaches the provider, and neither the ledger nor the log`() async throws {
        let provider = try FakeProvider { _ in .images(png()) }
        let parts = try Parts(Parts.routes(provider.url))
        _ = try await parts.run(parts.submission("otter", prompt: "a very secret otter"))
        #expect(provider.calls.first?.json?["prompt"] == "a very secret otter")
        await provider.stop()
        await parts.close()
        #expect(!(try parts.folder.contains("very secret")))
        #expect(!parts.lines.text.contains("very secret"))
    }

    @Test @EventLoop func `an address of the provider's is in no row once the job has ended`() async throws {
        let provider = try FakeProvider { call in
            call.path == "/make"
                ? .links("http://\(call.request.fields["host"] ?? "")/a.png?signature=5i9n") : .picture(png())
        }
        let parts = try Parts(Parts.routes(provider.url))
        let (ending, _) = try await parts.run(parts.submission("otter"))
        #expect(ending?.finished?.images.count == 1)
        #expect(provider.paths == ["/make", "/a.png"])
        await provider.stop()
        await parts.close()
        #expect(!(try parts.folder.contains("5i9n")))
        #expect(!parts.lines.text.contains("5i9n"))
    }

    @Test(arguments: [("0.025", 75_000), ("0", 0), (nil, nil)] as [(String?, Int64?)])
    @EventLoop func `the cost is the price of what was delivered, and no price is no cost`(
        price: String?, cost: Int64?
    ) async throws {
        let provider = try FakeProvider { _ in .images(png(filler: "a"), png(filler: "b"), png(filler: "c")) }
        let parts = try Parts(Parts.routes(provider.url, price: price))
        let (_, story) = try await parts.run(parts.submission("otter", count: 3))
        #expect(story?.job.cost?.microunits == cost)
        #expect(story?.job.images == 3)
        await provider.stop()
        await parts.close()
    }

    // MARK: The next route

    @Test(arguments: [429, 503, 401, 402, 403])
    @EventLoop func `a provider that refused the order is followed by the next`(status: Int) async throws {
        let first = try FakeProvider { _ in .failure(status) }
        let second = try FakeProvider { _ in .images(png()) }
        let parts = try Parts(Parts.routes(first.url, second.url))
        let (ending, story) = try await parts.run(parts.submission("otter"))
        #expect(ending?.finished?.attempts.last?.provider == "p1")
        #expect(story?.attempts.map(\.state) == [.refused, .done])
        #expect(story?.attempts.map(\.upstreamStatus) == [status, 200])
        #expect([first.calls.count, second.calls.count] == [1, 1])
        await first.stop()
        await second.stop()
        await parts.close()
    }

    @Test @EventLoop func `a provider that cannot be reached is followed by the next`() async throws {
        let first = try FakeProvider { _ in .images(png()) }
        await first.stop()
        let second = try FakeProvider { _ in .images(png()) }
        let parts = try Parts(Parts.routes(first.url, second.url))
        let (ending, story) = try await parts.run(parts.submission("otter"))
        #expect(ending?.finished?.attempts.last?.provider == "p1")
        #expect(story?.attempts.map(\.state) == [.refused, .done])
        await second.stop()
        await parts.close()
    }

    @Test @EventLoop func `where every provider refuses, nothing is owed and the client may try again`() async throws {
        let provider = try FakeProvider { _ in .failure(429) }
        let parts = try Parts(Parts.routes(provider.url, provider.url))
        let (ending, story) = try await parts.run(parts.submission("otter"))
        #expect(ending?.error?.status == .tooManyRequests)
        #expect(ending?.error?.shouldRetry == nil)
        #expect(story?.job.state == .failed)
        #expect(story?.job.cost == Money(microunits: 0))
        #expect(story?.attempts.map(\.state) == [.refused, .refused])
        await provider.stop()
        await parts.close()
    }

    /// Answers after which nobody can say whether an image was made.
    enum Doubt: String, CaseIterable, CustomTestStringConvertible {
        case internalError = "500"
        case badGateway = "502"
        case timeoutOfTheirs = "504"
        case timeoutOfOurs = "no answer in time"
        case noAnswer = "a connection that breaks"
        case halfAnswer = "half an answer"
        case halfJSON = "half a JSON text"
        case page = "a page"
        case nothing = "success without an image"

        var testDescription: String { rawValue }
    }

    @Test(arguments: Doubt.allCases)
    @EventLoop func `after a doubtful answer nothing is bought again`(doubt: Doubt) async throws {
        let (second, mayAnswer) = (try FakeProvider { _ in .images(png()) }, Promise<Void>())
        let itself = WeakProvider()
        let first = try FakeProvider { _ in
            switch doubt {
            case .internalError: return .failure(500)
            case .badGateway: return .failure(502)
            case .timeoutOfTheirs: return .failure(504)
            case .timeoutOfOurs: _ = await mayAnswer.wait()
            case .noAnswer: await itself.provider?.stop()
            case .halfAnswer: return .broken(after: Array(#"{"data": [{"b64_json": "iVBO"#.utf8), of: 1000)
            case .halfJSON: return Response(.ok, body: .bytes(Array(#"{"data": [{"b64_json": "iVBO"#.utf8)))
            case .page: return Response(.ok, body: .bytes(Array("<html><title>Welcome</title></html>".utf8)))
            case .nothing: return .json(["data": []])
            }
            return .images(png())
        }
        itself.provider = first
        let timeout = doubt == .timeoutOfOurs ? "5s" : "60s"
        let parts = try Parts(Parts.routes(first.url, second.url, timeout: timeout))
        let (ending, story) = try await parts.run(parts.submission("otter"))
        #expect(first.calls.count == 1)
        #expect(second.calls.isEmpty)
        let error = try #require(ending?.error, "\(story?.attempts.map(\.failure) ?? [])")
        #expect(error.status.rawValue >= 500)
        #expect(error.shouldRetry == false)
        #expect(story?.job.state == .unknown)
        #expect(story?.job.cost == nil)
        #expect(story?.attempts.map(\.state) == [.unknown])
        mayAnswer.fulfil(())
        await first.stop()
        await second.stop()
        await parts.close()
    }

    @Test(
        arguments: [
            (400, nil, 400), (422, nil, 400), (400, "content_policy_violation", 400), (429, "moderation_blocked", 400),
        ] as [(Int, String?, Int)])
    @EventLoop func `an order that is wrong, or not allowed, is taken nowhere else`(
        status: Int, code: String?, expected: Int
    ) async throws {
        let first = try FakeProvider { _ in .failure(status, code: code) }
        let second = try FakeProvider { _ in .images(png()) }
        let parts = try Parts(Parts.routes(first.url, second.url))
        let (ending, story) = try await parts.run(parts.submission("otter"))
        #expect(ending?.error?.status.rawValue == expected)
        #expect(story?.job.state == .failed)
        #expect(story?.job.cost == Money(microunits: 0))
        #expect(second.calls.isEmpty)
        await first.stop()
        await second.stop()
        await parts.close()
    }

    // MARK: Several requests for one order

    /// A provider that makes one image at a time, named by its seed; some seeds fail.
    @EventLoop private func oneByOne(failing failures: [Int64: Response] = [:]) throws -> FakeProvider {
        try FakeProvider { call in
            let seed = call.json?["seed"]?.int64 ?? -1
            // The first asked is the last to answer.
            try? await EventLoop.sleep(for: .milliseconds(20 * (14 - seed)))
            return failures[seed] ?? .images(png(filler: "\(seed)"))
        }
    }

    @EventLoop private func seeded(_ parts: Parts, count: Int) -> Submission {
        parts.submission("otter", count: count, parameters: [.seed: 10])
    }

    @Test @EventLoop func `images that were asked for one by one come in the order of asking`() async throws {
        let provider = try oneByOne()
        let parts = try Parts(Parts.routes(provider.url, dialect: "single"))
        let (ending, story) = try await parts.run(seeded(parts, count: 4))
        let digests = (10..<14).map { SHA256.digest(of: png(filler: "\($0)")) }
        #expect(ending?.finished?.images.map(\.blob.digest) == digests)
        #expect(story?.images.map(\.seed) == [10, 11, 12, 13])
        #expect(provider.calls.count == 4)
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [
        (Response.failure(500), "0.075"), (.failure(429), "0.05"), (.broken(after: [0x7B], of: 100), "0.075"),
    ])
    @EventLoop func `one of them failing costs only its image, unless it may have been made`(
        failure: Response, cost: String
    ) async throws {
        let provider = try oneByOne(failing: [11: failure])
        let parts = try Parts(Parts.routes(provider.url, provider.url, dialect: "single"))
        let (ending, story) = try await parts.run(seeded(parts, count: 3))
        #expect(ending?.finished?.images.map(\.seed) == [10, 12])
        #expect(ending?.finished?.job.missing.count == 1)
        #expect(story?.job.state == .done)
        #expect(story?.job.cost == Money(cost))
        #expect(provider.calls.count == 3)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `all of them refused is a refusal`() async throws {
        let first = try oneByOne(failing: [10: .failure(429), 11: .failure(503)])
        let second = try oneByOne()
        let parts = try Parts(Parts.routes(first.url, second.url, dialect: "single"))
        let (ending, _) = try await parts.run(seeded(parts, count: 2))
        #expect(ending?.finished?.attempts.last?.provider == "p1")
        #expect(ending?.finished?.images.count == 2)
        await first.stop()
        await second.stop()
        await parts.close()
    }

    @Test(arguments: [
        (Response.failure(500), JobState.unknown, 502), (.failure(504), .unknown, 504),
        (.failure(400, code: "content_policy_violation"), .failed, 400),
    ])
    @EventLoop func `one of them doubtful or not allowed decides for all`(
        failure: Response, state: JobState, status: Int
    ) async throws {
        let first = try oneByOne(failing: [10: .failure(429), 11: failure, 12: .failure(429)])
        let second = try oneByOne()
        let parts = try Parts(Parts.routes(first.url, second.url, dialect: "single"))
        let (ending, story) = try await parts.run(seeded(parts, count: 3))
        #expect(ending?.error?.status.rawValue == status)
        #expect(story?.job.state == state)
        #expect(second.calls.isEmpty)
        await first.stop()
        await second.stop()
        await parts.close()
    }

    // MARK: Storing

    @Test @EventLoop func `one of several links being dead costs only its image, and says so`() async throws {
        let provider = try FakeProvider { call in
            let base = "http://\(call.request.fields["host"] ?? "")"
            switch call.path {
            case "/make": return .links("\(base)/a", "\(base)/gone", "\(base)/c")
            case "/gone": return .failure(410)
            default: return .picture(png(filler: call.path))
            }
        }
        let parts = try Parts(Parts.routes(provider.url))
        let (ending, story) = try await parts.run(parts.submission("otter", count: 3))
        #expect(ending?.finished?.images.map(\.blob.digest) == ["/a", "/c"].map { SHA256.digest(of: png(filler: $0)) })
        #expect(ending?.finished?.job.missing == ["the server answered 410 Gone"])
        #expect(story?.job.cost == Money("0.075"), "three were delivered")
        #expect(story?.images.map(\.position) == [0, 2])
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `images that cannot be stored were paid for, and are not bought again`() async throws {
        let provider = try FakeProvider { call in
            call.path == "/make" ? .links("http://\(call.request.fields["host"] ?? "")/a") : .failure(410)
        }
        let parts = try Parts(Parts.routes(provider.url, provider.url))
        let (ending, story) = try await parts.run(parts.submission("otter"))
        #expect(ending?.error?.code == "result_unavailable")
        #expect(ending?.error?.shouldRetry == false)
        #expect(ending?.error?.message.contains(provider.url) == false)
        #expect(story?.job.state == .failed)
        #expect(story?.job.cost == Money("0.025"))
        #expect(story?.attempts.map(\.state) == [.done])
        #expect(provider.paths == ["/make", "/a"])
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `images that cannot be written down are not bought again`() async throws {
        let ledger = Promise<Ledger>()
        let provider = try FakeProvider { _ in
            // The books are gone from here on.
            await ledger.value?.close()
            return .images(png())
        }
        let parts = try Parts(Parts.routes(provider.url, provider.url))
        ledger.fulfil(parts.ledger)
        let (key, _) = try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now)
        let job = try parts.jobs.start(parts.submission("otter"), id: "req_1", key: key)
        let error = await job.ending.wait()?.error
        #expect(error?.status == .internalServerError)
        #expect(error?.shouldRetry == false)
        #expect(provider.calls.count == 1)
        await provider.stop()
    }

    @Test @EventLoop func `what cannot be written down is not bought`() async throws {
        let provider = try FakeProvider { _ in .images(png()) }
        let parts = try Parts(Parts.routes(provider.url))
        let (key, _) = try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now)
        await parts.ledger.close()
        let job = try parts.jobs.start(parts.submission("otter"), id: "req_1", key: key)
        #expect(await job.ending.wait()?.error?.status == .internalServerError)
        #expect(provider.calls.isEmpty)
        await provider.stop()
    }
}

extension JobEnding {
    var finished: JobStory? { if case .done(let job) = self { job } else { nil } }
    var error: GatewayError? { if case .failed(let error) = self { error } else { nil } }
}
