import Crypto
import Files
import HTTP
import HTTPServer
import JSON
import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop)
struct FileServerTests {
    private let image = png(width: 30, height: 20, length: BlobContent.fileLength)
    private let smallImage = png(width: 30, height: 20, length: 1000)

    /// Parts that have one image, and the path of its link.
    @EventLoop private func stored(_ image: [UInt8]? = nil) async throws -> (parts: Parts, path: String, tag: String) {
        let parts = try Parts()
        let key = try await parts.ledger.anyKey()
        let blob = try await parts.results.keep(
            ResultImage(payload: .base64(base64(image ?? self.image))), of: [], jobID: "req_1",
            until: parts.clock.now + Results.defaultExpiry)
        let images = try await parts.ledger.addJob("req_1", key: key, blobs: [blob])
        return (parts, "/files/\(images[0].token).png", "\"\(blob.digest)\"")
    }

    @Test @EventLoop func `an image is served as what it is, for ever, and as nothing else`() async throws {
        let (parts, path, tag) = try await stored()
        let response = try await parts.send(.get, path)
        #expect(response.status == .ok)
        #expect(try await response.bytes() == image)
        #expect(response.fields["content-type"] == "image/png")
        #expect(response.fields["etag"] == tag)
        #expect(response.fields["cache-control"] == "public, max-age=31536000, immutable")
        #expect(response.fields["x-content-type-options"] == "nosniff")
        #expect(response.fields["accept-ranges"] == "bytes")
        #expect(response.fields["access-control-allow-origin"] == "*")
        await parts.close()
    }

    @Test @EventLoop func `an image in the ledger is served as one in a file is`() async throws {
        let (parts, path, tag) = try await stored(smallImage)
        for (fields, status, bytes) in [
            (Fields(), Status.ok, smallImage), (["range": "bytes=10-19"], .partialContent, Array(smallImage[10..<20])),
            (["if-none-match": tag], .notModified, []), (["range": "bytes=20000-"], .rangeNotSatisfiable, []),
        ] {
            let response = try await parts.send(.get, path, fields: fields)
            #expect(response.status == status)
            #expect(response.fields["etag"] == tag)
            #expect(response.fields["x-content-type-options"] == "nosniff")
            #expect(try await response.bytes() == bytes)
        }
        #expect(try await parts.send(.head, path).bytes() == smallImage, "the server leaves it out")
        #expect(try await parts.send(.get, path.replacing(".png", with: ".jpg")).status == .notFound)
        #expect(parts.folder.allFiles.allSatisfy { !$0.contains("/blobs/") })
        await parts.close()
    }

    @Test @EventLoop func `an image in the ledger is encoded into an answer, also after a restart`() async throws {
        let (parts, _, _) = try await stored(smallImage)
        let files = FileServer(
            ledger: parts.ledger, blobs: parts.blobs,
            published: PublishedInputs(publicURL: parts.configuration.publicURL), log: parts.lines.log)
        let story = try #require(try await parts.ledger.job("req_1"))
        #expect(story.images.map(\.blob.content) == [.ledger])
        let answer = try await ImagesAnswer(story, .base64, parts.configuration, files)
        #expect(try await answer.response.json()["data"]?[0]?["b64_json"]?.string == base64(smallImage))
        try await parts.ledger.forgetSmallImages([1])
        await #expect(throws: GatewayError.self) {
            try await ImagesAnswer(story, .base64, parts.configuration, files)
        }
        await parts.close()
    }

    @Test @EventLoop func `HEAD tells the same as GET, whole`() async throws {
        let (parts, path, tag) = try await stored()
        let response = try await parts.send(.head, path, fields: ["range": "bytes=0-9"])
        #expect(response.status == .ok)
        #expect(response.fields["etag"] == tag)
        // The server leaves the body out, and needs its length.
        guard case .file(_, let range) = response.body else {
            Issue.record("there is no file")
            return
        }
        #expect(range == 0..<image.count)
        await parts.close()
    }

    @Test(arguments: [("bytes=0-99", 0..<100), ("bytes=100-", 100..<25_633), ("bytes=-57", 25_576..<25_633)])
    @EventLoop func `a part of an image can be had`(field: String, range: Range<Int>) async throws {
        let (parts, path, _) = try await stored()
        let response = try await parts.send(.get, path, fields: ["range": field])
        #expect(response.status == .partialContent)
        #expect(try await response.bytes() == Array(image[range]))
        #expect(
            response.fields["content-range"] == "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(image.count)")
        await parts.close()
    }

    @Test @EventLoop func `a part beyond the end is refused with the length`() async throws {
        let (parts, path, _) = try await stored()
        let response = try await parts.send(.get, path, fields: ["range": "bytes=30000-"])
        #expect(response.status == .rangeNotSatisfiable)
        #expect(response.fields["content-range"] == "bytes */\(image.count)")
        #expect(response.fields["content-type"] == nil)
        await parts.close()
    }

    @Test(arguments: ["bytes=0-1,5-6", "lines=1-2", "bytes=x"])
    @EventLoop func `a part that is not understood is the whole`(field: String) async throws {
        let (parts, path, _) = try await stored()
        let response = try await parts.send(.get, path, fields: ["range": field])
        #expect(response.status == .ok)
        #expect(try await response.bytes() == image)
        await parts.close()
    }

    @Test @EventLoop func `who has the image already is told so`() async throws {
        let (parts, path, tag) = try await stored()
        for condition in [tag, "W/\(tag)", "\"x\", \(tag)", "*"] {
            let response = try await parts.send(.get, path, fields: ["if-none-match": condition])
            #expect(response.status == .notModified)
            #expect(response.fields["etag"] == tag)
            #expect(try await response.bytes().isEmpty)
        }
        #expect(try await parts.send(.get, path, fields: ["if-none-match": "\"x\""]).status == .ok)
        await parts.close()
    }

    @Test @EventLoop func `a part is given only of the same image`() async throws {
        let (parts, path, tag) = try await stored()
        let same = try await parts.send(.get, path, fields: ["range": "bytes=0-9", "if-range": tag])
        #expect(same.status == .partialContent)
        let other = try await parts.send(.get, path, fields: ["range": "bytes=0-9", "if-range": "\"x\""])
        #expect(other.status == .ok)
        await parts.close()
    }

    @Test(arguments: ["/files/unknown.png", "/files/unknown", "/files/.png", "/files/req_1-0.jpg", "/files/a/b.png"])
    @EventLoop func `a link that leads nowhere is not found`(path: String) async throws {
        let (parts, _, _) = try await stored()
        #expect(try await parts.send(.get, path).status == .notFound)
        await parts.close()
    }

    @Test @EventLoop func `an image that is missing on disk is not found, and noted`() async throws {
        let (parts, path, _) = try await stored()
        try parts.blobs.paths.remove(SHA256.digest(of: image))
        let response = try await parts.send(.get, path)
        #expect(response.status == .notFound)
        #expect(response.fields["cache-control"] == "no-store")
        #expect(try await response.json()["error"]?["code"] == "image_missing")
        #expect(parts.lines.text.contains("message=\"stored image cannot be read\" request.id=req_1 sha256="))
        await parts.close()
    }

    @Test @EventLoop func `an image that is being forgotten is no failure`() async throws {
        let (parts, path, _) = try await stored()
        let digest = SHA256.digest(of: image)
        #expect(try await parts.ledger.forgetBlob(digest))
        try parts.blobs.paths.remove(digest)
        #expect(try await parts.send(.get, path).json()["error"]?["code"] == "file_not_found")
        #expect(parts.lines.all.isEmpty)
        await parts.close()
    }

    @Test(arguments: [-1, -25_633, 1], [Fields(), ["range": "bytes=0-9"]])
    @EventLoop func `a file of another length is never sent for an image`(change: Int, fields: Fields) async throws {
        let (parts, path, tag) = try await stored()
        let bytes = change < 0 ? Array(image.dropLast(-change)) : image + [0]
        try parts.folder.write(bytes, to: blobName(in: parts))
        let response = try await parts.send(.get, path, fields: fields)
        #expect(response.status == .internalServerError)
        #expect(try await response.json()["error"]?["code"] == "image_damaged")
        #expect(response.fields["etag"] == nil)
        #expect(response.fields["x-should-retry"] == "false")
        let line = try #require(parts.lines.all.last)
        #expect(
            line.contains("message=\"stored image is damaged\" request.id=req_1 sha256=\(tag.dropFirst().dropLast())"))
        #expect(line.contains("bytes=\(bytes.count) bytes.stored=\(image.count)"))
        await parts.close()
    }

    @Test @EventLoop func `nor is it encoded into an answer`() async throws {
        let (parts, _, _) = try await stored()
        let story = try #require(try await parts.ledger.job("req_1"))
        let files = FileServer(
            ledger: parts.ledger, blobs: parts.blobs,
            published: PublishedInputs(publicURL: parts.configuration.publicURL), log: parts.lines.log)
        let answer = {
            try await ImagesAnswer(story, .base64, parts.configuration, files)
        }
        _ = try await answer()
        try parts.folder.write(Array(image.dropLast()), to: blobName(in: parts))
        await #expect(throws: FileError.self) { try await answer() }
        try parts.blobs.paths.remove(SHA256.digest(of: image))
        await #expect(throws: FileError.self) { try await answer() }
        await parts.close()
    }

    /// The image's file, by its path in the parts' folder.
    @EventLoop private func blobName(in parts: Parts) -> String {
        String(parts.blobs.path(of: SHA256.digest(of: image)).dropFirst(parts.folder.path.count + 1))
    }
}
