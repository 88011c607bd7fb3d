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
        let first = try await Service(configuration, from: ConfigurationFile("easel.yaml"))
        try await parts.ledger.accept(.example("req_1", key: key.id), .example("req_1"))
        let upload = try await parts.spool.receiveFile(then: ListedPieces([png()]), limit: 1000)
        let error = await #expect(throws: ServiceError.self) {
            try await Service(configuration, from: ConfigurationFile("easel.yaml"))
        }
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
        let service = try await Service(old.serviceConfiguration, from: ConfigurationFile("easel.yaml"))

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

    @Test(
        .onEventLoop,
        arguments: [
            ("strict: {", ["3:5: "]),
            ("colour: red\nstrict: perhaps", ["1:1: unknown key 'colour'", "2:9: 'strict' is 'perhaps'"]),
            ("\nlisten: 127.0.0.1:1", ["2:9: 'listen' is 127.0.0.1:1, but the running gateway has 127.0.0.1:0"]),
            ("durability: relaxed", ["1:13: 'durability' is relaxed, but the running gateway has full"]),
        ])
    @EventLoop func `a file with mistakes changes nothing, and every mistake is told`(
        addition: String, expected: [String]
    ) async throws {
        let parts = try Parts()
        let path = "\(parts.folder.path)/easel.yaml"
        let service = try await Service(parts.serviceConfiguration, from: ConfigurationFile(path))
        let gateway = service.entrance.gateway

        try parts.folder.write(Array(parts.serviceText(addition).utf8), to: "easel.yaml")
        await service.reload()
        #expect(service.entrance.gateway === gateway)
        #expect(service.status.generation == 1)
        #expect(service.status.mistakes.count == expected.count)
        for (mistake, expected) in zip(service.status.mistakes, expected) {
            #expect(mistake.hasPrefix("\(path):\(expected)"))
        }
        try parts.folder.write(Array(parts.serviceText("").utf8), to: "easel.yaml")
        await service.reload()
        #expect(service.entrance.gateway !== gateway)
        #expect(service.status.mistakes == [])
        #expect(service.status.generation == 2)
        await parts.close()
    }

    @Test(.onEventLoop)
    @EventLoop func `without its file a gateway goes on, too`() async throws {
        let parts = try Parts()
        let service = try await Service(parts.serviceConfiguration, from: ConfigurationFile("/nowhere/easel.yaml"))
        await service.reload()
        #expect(service.status.generation == 1)
        #expect(service.status.mistakes.first?.hasPrefix("cannot open /nowhere/easel.yaml: No such file") == true)
        await parts.close()
    }
}

extension Parts {
    /// The configuration for a service of its own in the same folder.
    fileprivate var serviceConfiguration: Configuration {
        var configuration = configuration
        (configuration.data, configuration.listen, configuration.logLevel) = (folder.path, "127.0.0.1:0", .error)
        return configuration
    }

    /// A file that says the same of the sandbox, after lines of which the first may say where to listen.
    fileprivate func serviceText(_ addition: String) -> String {
        """
        \(addition)
        \(addition.contains("listen:") ? "" : "listen: 127.0.0.1:0")
        data: \(folder.path)
        log: error
        \(Self.sandbox)
        """
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
