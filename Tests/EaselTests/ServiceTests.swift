import HTTP
import HTTPServer
import LibEvent
import Support
import Testing

@testable import Easel

struct ServiceTests {
    @Test(.onEventLoop)
    @EventLoop func `a second gateway does not touch the data of one that runs`() async throws {
        let parts = try Parts()
        let key = try await parts.ledger.anyKey()
        let configuration = parts.serviceConfiguration
        let first = try await Service(configuration)
        try await parts.ledger.accept(.example("req_1", key: key.id), .example("req_1"))
        let upload = try await parts.spool.receiveFile(then: ListedPieces([png()]), limit: 1000)
        let error = await #expect(throws: ServiceError.self) { try await Service(configuration) }
        #expect(error?.description.contains("another 'easel serve'") == true)
        #expect(try await parts.ledger.job("req_1")?.job.state == .submitted)
        #expect(try parts.folder.names(in: "spool").count == 1)
        withExtendedLifetime((first, upload)) {}
        await parts.close()
    }

    @Test(.onEventLoop)
    @EventLoop func `what began under a configuration ends under it, and what comes later meets the new one`()
        async throws
    {
        let (wasAsked, mayAnswer) = (Promise<Void>(), Promise<Void>())
        let provider = try FakeProvider { call in
            if call.number == 1 {
                wasAsked.fulfil(())
                _ = await mayAnswer.wait()
            }
            return .images(png(filler: "\(call.number)"))
        }
        let text = Parts.routes(provider.url)
        let (old, new) = (try Parts(text), try Parts(text.replacing("  otter:", with: "  heron:")))
        let (_, key) = try await old.ledger.createKey(name: "test", models: nil, at: old.clock.now)
        let service = try await Service(old.serviceConfiguration)

        let early = EventLoop.spawn { try await service.ask(for: "otter", key: key) }
        _ = await wasAsked.wait()
        var configuration = new.configuration
        configuration.data = old.folder.path
        service.adopt(configuration)
        #expect(try await service.ask(for: "heron", key: key).status == .ok)
        #expect(try await service.ask(for: "otter", key: key).status == .notFound)
        mayAnswer.fulfil(())
        #expect(try await early.value.status == .ok)
        #expect(provider.calls.count == 2)
        await provider.stop()
        await old.close()
        await new.close()
    }
}

extension Parts {
    /// The configuration for a service of its own in the same folder.
    fileprivate var serviceConfiguration: Configuration {
        var configuration = configuration
        (configuration.data, configuration.listen, configuration.logLevel) = (folder.path, "127.0.0.1:0", .error)
        return configuration
    }
}

extension Service {
    fileprivate func ask(for model: String, key: Secret) async throws -> Response {
        let request = Request(
            method: .post, target: "/v1/images/generations", fields: ["authorization": "Bearer \(key.reveal())"])
        let body = RequestBody(Array(#"{"model": "\#(model)", "prompt": "p"}"#.utf8))
        return await entrance.respond(to: request, body: body, peer: try Peer(address: SocketAddress("127.0.0.1:9")))
    }
}
