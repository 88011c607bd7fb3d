import LibEvent
import Support
import Testing

@testable import Easel

struct ServiceTests {
    @Test(.onEventLoop)
    @EventLoop func `a second gateway does not touch the data of one that runs`() async throws {
        let parts = try Parts()
        let key = try await parts.ledger.anyKey()
        var configuration = parts.configuration
        (configuration.data, configuration.listen, configuration.logLevel) = (parts.folder.path, "127.0.0.1:0", .error)

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
}
