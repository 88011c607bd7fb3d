import Crypto
import HTTP
import HTTPClient
import HTTPServer
import JSON
import LibEvent
import Support
import Testing

@testable import Easel

/// Answers that providers stream, over a real connection.
@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct StreamedUpstreamTests {
    @Test(arguments: [1, 7, 4096], [100, 100_000])
    @EventLoop func `partial images are seen and the image is delivered, however the stream is cut`(
        pieceLength: Int, pictureLength: Int
    ) async throws {
        guard pieceLength > 1 || pictureLength < 1000 else { return }
        let pictures = (0..<3).map { png(height: $0 + 1, length: pictureLength) }
        let stream =
            ": hello\r\n\r\n"
            + Self.event("image_generation.partial_image", pictures[0], more: #","partial_image_index":0"#)
            + ": keep-alive\n\n" + "event: progress\ndata: 50 %\n\n"
            + Self.event("image_generation.partial_image", pictures[1], more: #","partial_image_index":1"#)
            + Self.event("image_generation.completed", pictures[2], more: #","usage":{"total_tokens":3}"#)
            + "data: [DONE]\n\n"
        let call = try await call(ListedPieces(stream, cutEvery: pieceLength))
        let received = try call.result.get()
        #expect(call.previews.map(\.index) == [0, 1])
        #expect(call.previews.map(\.file.digest) == pictures[..<2].map { SHA256.digest(of: $0) })
        let images = try #require(received.images)
        #expect(images.images.count == 1)
        #expect(images.usage == ["total_tokens": 3])
        switch images.images.first?.payload {
        case .external(let number): #expect(received.files[number].digest == SHA256.digest(of: pictures[2]))
        case .base64(let text): #expect(text == base64(pictures[2]))
        default: Issue.record("no image: \(images)")
        }
    }

    @Test @EventLoop func `a partial image is seen while the provider still works`() async throws {
        let source = FedSource()
        let provider = try FakeProvider { _ in Self.streaming(source) }
        let parts = try Parts(Parts.routes(provider.url))
        let previews = Previews()
        let sending = EventLoop.spawn { try await Self.send(to: provider, parts, previews) }
        source.feed(Self.event("image_edit.partial_image", png(length: 50_000)))
        #expect(await eventually { previews.first(after: 0) != nil })
        source.feed(Self.event("image_edit.completed", png(length: 60_000)))
        #expect(try await sending.value.images?.images.count == 1)
        await provider.stop()
    }

    @Test(arguments: [
        "", ": nothing\n\n", "data: [DONE]\n\n", "data: {\"type\":\"image_generation.comp", "data: {}\n\n",
        event("image_generation.partial_image", png()),
    ])
    @EventLoop func `a stream that ends without its last event may have bought something`(
        stream: String
    ) async throws {
        for error in [nil, BrokenOff()] as [BrokenOff?] {
            let call = try await call(ListedPieces([Array(stream.utf8)].filter { !$0.isEmpty }, then: error))
            switch call.result {
            case .failure(let failure): #expect(!failure.boughtNothing)
            // Without a single byte it is an answer with nothing in it.
            case .success(let received):
                guard case .failed(let failure) = received.outcome else {
                    Issue.record("not failed: \(received.outcome)")
                    continue
                }
                #expect(!failure.boughtNothing)
            }
        }
    }

    @Test @EventLoop func `an image that has come is kept when the stream breaks after it`() async throws {
        let stream = "data: {\"type\":\"image_generation.partial_succeeded\",\"url\":\"https://a.example/1.png\"}\n\n"
        let call = try await call(
            ListedPieces([Array(stream.utf8)], then: BrokenOff()), rules: "ark", model: "doubao-seedream-4-5")
        #expect(try call.result.get().images?.images.map(\.payload) == [.url("https://a.example/1.png")])
    }

    @Test @EventLoop func `an event without its empty line counts`() async throws {
        let stream = Self.event("image_generation.completed", png()).dropLast(2)
        #expect(try await call(ListedPieces(String(stream), cutEvery: 50)).result.get().images?.images.count == 1)
    }

    @Test @EventLoop func `an error in the stream is classified like an error answer`() async throws {
        let error = #"{"type":"error","error":{"code":"moderation_blocked","message":"No.","type":"x"}}"#
        let call = try await call(ListedPieces("event: error\ndata: \(error)\n\n", cutEvery: 10))
        guard case .failed(let failure) = try call.result.get().outcome else {
            Issue.record("not failed")
            return
        }
        #expect(failure.kind == .contentPolicy)
        #expect(failure.code == "moderation_blocked")
    }

    @Test @EventLoop func `a provider that does not stream after all is understood`() async throws {
        let provider = try FakeProvider { call in
            call.number == 1 ? .images(png()) : .failure(400, code: "unknown_parameter", "Unknown parameter: 'stream'.")
        }
        let parts = try Parts(Parts.routes(provider.url))
        let received = try await Self.send(to: provider, parts, Previews())
        #expect(received.images?.images.count == 1)
        guard case .failed(let failure) = try await Self.send(to: provider, parts, Previews()).outcome else {
            Issue.record("not failed")
            return
        }
        #expect(failure.kind == .badRequest)
        #expect(failure.boughtNothing)
        await provider.stop()
    }

    @Test @EventLoop func `a partial image that is none is passed over`() async throws {
        let stream =
            "data: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"***\"}\n\n"
            + "data: {\"type\":\"image_generation.partial_image\",\"b64_json\":\"\(String(repeating: "A", count: 40_001))\"}\n\n"
            + Self.event("image_generation.completed", png())
        let call = try await call(ListedPieces(stream, cutEvery: 999))
        #expect(call.previews.isEmpty)
        #expect(try call.result.get().images?.images.count == 1)
    }

    // MARK: Parts of these tests

    struct Received {
        let outcome: Outcome
        let files: [SpooledFile]

        var images: ResultImages? { if case .images(let images) = outcome { images } else { nil } }
    }

    struct Call {
        let result: Result<Received, ProviderFailure>
        let previews: [Preview]
    }

    private static func event(_ type: String, _ picture: [UInt8], more: String = "") -> String {
        "event: \(type)\ndata: {\"type\":\"\(type)\",\"b64_json\":\"\(base64(picture))\"\(more)}\n\n"
    }

    private static func streaming(_ source: any ByteSource) -> Response {
        Response(
            .ok, fields: ["content-type": "text/event-stream; charset=utf-8"], body: .stream(source, length: nil))
    }

    /// Asks a provider that answers with a stream.
    @EventLoop private func call(
        _ source: any ByteSource, rules: String = "openai", model: String = "gpt-image-1.5"
    ) async throws -> Call {
        let provider = try FakeProvider { _ in Self.streaming(source) }
        let parts = try Parts(Parts.routes(provider.url))
        var seen: [Preview] = []
        let previews = Previews()
        let result: Result<Received, ProviderFailure>
        do {
            result = .success(try await Self.send(to: provider, parts, previews, rules: rules, model: model))
        } catch let failure as ProviderFailure {
            result = .failure(failure)
        }
        while let next = previews.first(after: seen.count) { seen.append(next.preview) }
        await provider.stop()
        return Call(result: result, previews: seen)
    }

    @EventLoop private static func send(
        to provider: FakeProvider, _ parts: Parts, _ previews: Previews, rules: String = "openai",
        model: String = "gpt-image-1.5"
    ) async throws -> Received {
        let dialect = try Fixture.dialect(rules)
        let configuration = try #require(parts.configuration.providers["p0"])
        let upstream = Upstream(
            configuration, client: HTTPClient(addresses: .any), spool: parts.spool,
            traffic: ProviderTraffic(
                to: "p0", configuration.traffic, clock: parts.clock.wallClock, log: parts.lines.log))
        let follower = StreamFollower(
            rules: try #require(dialect.variant(for: model).stream), reader: dialect.reader, saw: previews.add)
        let reply = try await upstream.submit(
            UpstreamRequest(method: .post, url: "\(provider.url)/make", fields: [:], body: [.bytes(Array("{}".utf8))]),
            for: "key", following: follower, unless: Promise())
        let received = reply.received
        return Received(outcome: dialect.outcome(of: received.answer), files: received.files)
    }
}

/// Gives what it is fed, when it is.
@EventLoop
private final class FedSource: ByteSource {
    private var pieces: [[UInt8]] = []
    private let changed = Wakeup()

    func feed(_ text: String) {
        pieces.append(Array(text.utf8))
        changed.signal()
    }

    func next() async throws -> [UInt8]? {
        while pieces.isEmpty {
            guard await changed.wait(until: .now.advanced(by: .seconds(10))) else { return nil }
        }
        return pieces.removeFirst()
    }
}
