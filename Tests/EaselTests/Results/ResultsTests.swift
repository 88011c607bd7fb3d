import Crypto
import Files
import Glibc
import HTTP
import HTTPClient
import HTTPServer
import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop)
struct ResultsTests {
    private static let open = Parts.sandbox + "\nallow_private: [127.0.0.0/8]"

    /// Stores one image, and tells the bytes that are then on disk, or that go to the ledger.
    @EventLoop private func kept(
        _ image: ResultImage, _ files: [SpooledFile] = [], by parts: Parts, expiry: Duration? = nil
    ) async throws(FetchFailure) -> [UInt8]? {
        let blob = try await parts.results.keep(
            image, of: files, jobID: "req_1", until: parts.clock.now + (expiry ?? Results.defaultExpiry))
        guard case .bytes(let bytes) = blob.content else {
            return try? readFile(parts.blobs.path(of: blob.digest), limit: 1 << 20)
        }
        return bytes
    }

    /// Why an image cannot be stored.
    @EventLoop private func failure(
        of image: ResultImage, _ files: [SpooledFile] = [], by parts: Parts, expiry: Duration? = nil
    ) async -> FetchFailure? {
        do throws(FetchFailure) {
            _ = try await kept(image, files, by: parts, expiry: expiry)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: ["", "data:image/jpeg;base64,"])
    @EventLoop func `an image in base64 is stored under its true type`(prefix: String) async throws {
        let parts = try Parts()
        let image = ResultImage(payload: .base64(prefix + base64(png(width: 30, height: 20))))
        let blob = try await parts.results.keep(
            image, of: [], jobID: "req_1", until: parts.clock.now + Results.defaultExpiry)
        #expect(blob.mediaType == "image/png")
        #expect([blob.width, blob.height, blob.length] == [30, 20, png(width: 30, height: 20).count])
        #expect(blob.digest == SHA256.digest(of: png(width: 30, height: 20)))
        await parts.close()
    }

    @Test @EventLoop func `an image in base64 is not lost because the disk is full for a while`() async throws {
        let parts = try Parts()
        let (clock, spool, start) = (parts.clock, parts.spool, parts.clock.now)
        unsafe rmdir(spool.folder)
        // A disk that takes something again after some minutes.
        let wallClock = WallClock(
            { clock.now },
            pause: { pause in
                clock.advance(by: pause)
                if clock.now - start > .seconds(300) { try Directory(spool.folder).create() }
            })
        let image = png(length: BlobContent.fileLength)
        let results = Results(
            blobs: parts.blobs,
            fetcher: Fetcher(client: HTTPClient(addresses: .any), spool: spool, lengthLimit: 1 << 20), spool: spool,
            check: ImageCheck(pixelLimit: 1_000_000), clock: wallClock, log: parts.lines.log)
        let blob = try await results.keep(
            ResultImage(payload: .base64(base64(image))), of: [], jobID: "req_1", until: clock.now)
        #expect(try readFile(parts.blobs.path(of: blob.digest), limit: 1 << 20) == image)
        #expect(clock.now - start > .seconds(300))
        #expect(parts.lines.text.contains("message=\"cannot store a result, trying again\" request.id=req_1"))
        await parts.close()
    }

    @Test @EventLoop func `a disk that stays full is told without the gateway's paths`() async throws {
        let parts = try Parts()
        unsafe rmdir(parts.spool.folder)
        let start = parts.clock.now
        let image = ResultImage(payload: .base64(base64(png(length: BlobContent.fileLength))))
        let failure = try #require(await failure(of: image, by: parts))
        #expect(failure.reason == "the gateway's disk refused it")
        #expect(failure.detail?.contains(parts.spool.folder) == true)
        #expect(parts.clock.now - start >= Results.storingPatience)
        await parts.close()
    }

    @Test(arguments: [1000, BlobContent.fileLength])
    @EventLoop func `however an image came, its length decides where it is kept`(length: Int) async throws {
        let bytes = png(length: length)
        let provider = try FakeProvider { _ in .picture(bytes) }
        let parts = try Parts(Self.open)
        let file = try await parts.spool.receiveFile(then: ListedPieces([bytes]), limit: 1 << 20)
        let payloads = [
            ResultImage.Payload.base64(base64(bytes)), .base64("data:image/png;base64," + base64(bytes)),
            .url(provider.url), .external(0), .body,
        ]
        for payload in payloads {
            // Each time of a new file, for one that is in its place is no temporary file any more.
            let files = [try await parts.spool.receiveFile(then: ListedPieces([bytes]), limit: 1 << 20)]
            let blob = try await parts.results.keep(
                ResultImage(payload: payload), of: files, jobID: "req_1",
                until: parts.clock.now + Results.defaultExpiry)
            #expect(blob.content == (length == 1000 ? .bytes(bytes) : .file))
            #expect(blob.digest == file.digest)
        }
        #expect(parts.folder.allFiles.contains { $0.contains("/blobs/") } == (length > 1000))
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `an image of the answer's files is the one it names`() async throws {
        let parts = try Parts()
        let files = try await ["a", "b"].asyncMap {
            try await parts.spool.receiveFile(then: ListedPieces([png(filler: $0)]), limit: 1000)
        }
        #expect(try await kept(ResultImage(payload: .external(1)), files, by: parts) == png(filler: "b"))
        #expect(try await kept(ResultImage(payload: .body), files, by: parts) == png(filler: "a"))
        #expect(await failure(of: ResultImage(payload: .external(2)), files, by: parts)?.isFinal == true)
        #expect(await failure(of: ResultImage(payload: .external(-1)), files, by: parts)?.isFinal == true)
        #expect(await failure(of: ResultImage(payload: .body), by: parts)?.isFinal == true)
        await parts.close()
    }

    @Test @EventLoop func `an image behind an address is fetched at once`() async throws {
        let provider = try FakeProvider { _ in .picture(png()) }
        let parts = try Parts(Self.open)
        #expect(try await kept(ResultImage(payload: .url(provider.url + "/a.jpg?s=1")), by: parts) == png())
        #expect(provider.calls.map(\.request.target) == ["/a.jpg?s=1"])
        #expect(provider.calls.map(\.request.method) == [.get])
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [500, 502, 429, 403, 404, 200])
    @EventLoop func `an image that is not there yet is asked for again`(status: Int) async throws {
        let provider = try FakeProvider { call in
            call.number < 3 ? Response(Status(rawValue: status), body: .bytes([0x3C])) : .picture(png())
        }
        let parts = try Parts(Self.open)
        #expect(try await kept(ResultImage(payload: .url(provider.url)), by: parts) == png())
        #expect(provider.calls.count == 3)
        #expect(parts.lines.text.contains("result download failed, trying again"))
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a download that breaks off is tried again, and the half of it is gone`() async throws {
        let provider = try FakeProvider { call in
            call.number == 1 ? .broken(after: Array(png().dropLast(30)), of: png().count) : .picture(png())
        }
        let parts = try Parts(Self.open)
        #expect(try await kept(ResultImage(payload: .url(provider.url)), by: parts) == png())
        #expect(provider.calls.count == 2)
        // Whoever wrote the half may let go of it a moment later, on the disk's thread.
        #expect(try await eventually { try parts.folder.names(in: "spool").isEmpty })
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [(Duration.seconds(600), 600), (nil as Duration?, 3600)])
    @EventLoop func `a paid image is asked for until the provider's link is dead`(
        expiry: Duration?, seconds: Int
    ) async throws {
        let provider = try FakeProvider { _ in .failure(503) }
        let parts = try Parts(Self.open)
        let start = parts.clock.now
        let failure = await failure(of: ResultImage(payload: .url(provider.url)), by: parts, expiry: expiry)
        #expect(failure?.reason == "the server answered 503 Service Unavailable")
        #expect(parts.clock.now - start > .seconds(seconds - 61))
        #expect(parts.clock.now - start < .seconds(seconds))
        // Once a minute after the first tries.
        #expect(provider.calls.count < seconds / 60 + 12)
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [403, 404])
    @EventLoop func `an image that stays away is given up before its link expires`(status: Int) async throws {
        let provider = try FakeProvider { _ in .failure(status) }
        let parts = try Parts(Self.open)
        let start = parts.clock.now
        #expect(await failure(of: ResultImage(payload: .url(provider.url)), by: parts, expiry: .seconds(86_400)) != nil)
        #expect(parts.clock.now - start <= Results.settlingTime)
        #expect(parts.clock.now - start > .seconds(30))
        await provider.stop()
        await parts.close()
    }

    @Test(arguments: [400, 401, 405, 410])
    @EventLoop func `an answer that will not change is believed`(status: Int) async throws {
        let provider = try FakeProvider { _ in .failure(status) }
        let parts = try Parts(Self.open)
        #expect(await failure(of: ResultImage(payload: .url(provider.url)), by: parts)?.isFinal == true)
        #expect(provider.calls.count == 1)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `a page instead of an image is not stored`() async throws {
        let provider = try FakeProvider { _ in
            Response(.ok, fields: ["content-type": "image/png"], body: .bytes(Array("<html>gone</html>".utf8)))
        }
        let parts = try Parts(Self.open)
        let failure = await failure(of: ResultImage(payload: .url(provider.url)), by: parts, expiry: .seconds(86_400))
        #expect(failure?.reason.contains("not an image") == true)
        #expect(provider.calls.count < 15)
        #expect(parts.folder.allFiles.allSatisfy { !$0.contains("/blobs/") })
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `an image of too many pixels is refused by its head alone`() async throws {
        let parts = try Parts(Self.open + "\nlimits: {pixels: 100}")
        let bytes = png(width: 1_000_000, height: 1_000_000)
        let failure = await failure(of: ResultImage(payload: .base64(base64(bytes))), by: parts)
        #expect(failure?.reason.contains("1000000x1000000, more than 100 pixels") == true)
        #expect(try await kept(ResultImage(payload: .base64(base64(png(width: 10, height: 10)))), by: parts) != nil)
        await parts.close()
    }

    @Test @EventLoop func `a download beyond the limit is broken off`() async throws {
        let provider = try FakeProvider { _ in .picture(png(length: 100_000)) }
        let parts = try Parts(Self.open + "\nlimits: {body: 50KB}")
        #expect(await failure(of: ResultImage(payload: .url(provider.url)), by: parts)?.isFinal == true)
        #expect(provider.calls.count == 1)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `an address on a private network is not connected to`() async throws {
        let provider = try FakeProvider { _ in .picture(png()) }
        let parts = try Parts()
        let failure = await failure(of: ResultImage(payload: .url(provider.url)), by: parts)
        #expect(failure?.reason.contains("loopback") == true)
        #expect(failure?.isFinal == true)
        #expect(provider.calls.isEmpty)
        await provider.stop()
        await parts.close()
    }

    @Test @EventLoop func `where the bytes are no image, the address beside them is asked`() async throws {
        let provider = try FakeProvider { _ in .picture(png()) }
        let parts = try Parts(Self.open)
        for payload in [ResultImage.Payload.base64("AAAA"), .base64("damaged!"), .external(7)] {
            let image = ResultImage(payload: payload, alternative: .url(provider.url))
            #expect(try await kept(image, by: parts) == png())
        }
        let image = ResultImage(payload: .base64(base64(png(filler: "here"))), alternative: .url(provider.url))
        #expect(try await kept(image, by: parts) == png(filler: "here"))
        #expect(provider.calls.count == 3)
        await provider.stop()
        await parts.close()
    }
}
