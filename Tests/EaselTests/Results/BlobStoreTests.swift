import Crypto
import Files
import Glibc
import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop)
struct BlobStoreTests {
    private let folder = TemporaryFolder()
    private let image = png(length: BlobContent.fileLength)

    @EventLoop private func parts() throws -> (blobs: BlobStore, spool: Spool) {
        (
            try BlobStore(folder: "\(folder.path)/blobs", isDurable: true),
            try Spool(folder: "\(folder.path)/spool")
        )
    }

    @EventLoop private func file(_ bytes: [UInt8], in spool: Spool) async throws -> SpooledFile {
        try await spool.receiveFile(then: ListedPieces([bytes]), limit: 1 << 20)
    }

    /// The images that are there.
    private var blobs: [String] { folder.allFiles.filter { $0.hasPrefix("\(folder.path)/blobs/") } }

    @Test @EventLoop func `an image has the name of its bytes, and is there once`() async throws {
        let (blobs, spool) = try parts()
        for _ in 0..<3 { _ = try await blobs.store(file(image, in: spool)) }
        let digest = SHA256.digest(of: image)
        #expect(self.blobs == [blobs.path(of: digest)])
        #expect(try readFile(blobs.path(of: digest), limit: 1 << 20) == image)
        #expect(try folder.names(in: "spool").isEmpty)
    }

    @Test @EventLoop func `images that come at once all have their places`() async throws {
        let (blobs, spool) = try parts()
        let files = try await Array(0..<20).asyncMap {
            try await file(png(filler: "\($0)", length: BlobContent.fileLength), in: spool)
        }
        let tasks = files.map { file in EventLoop.spawn { try await blobs.store(file) } }
        for task in tasks { #expect(try await task.value == .file) }
        #expect(Set(self.blobs) == Set(files.map { blobs.path(of: $0.digest) }))
        #expect(try folder.names(in: "spool").isEmpty)
    }

    @Test(arguments: [BlobContent.ledgerLimit, BlobContent.ledgerLimit + 1])
    @EventLoop func `whether an image has a file depends on its length`(length: Int) async throws {
        let (blobs, spool) = try parts()
        let bytes = png(length: length - png(length: 1000).count + 1000)
        #expect(bytes.count == length)
        let content = try await blobs.store(file(bytes, in: spool))
        #expect(content == (length > BlobContent.ledgerLimit ? .file : .bytes(bytes)))
        #expect(self.blobs.count == (length > BlobContent.ledgerLimit ? 1 : 0))
    }

    @Test @EventLoop func `an image that cannot be stored holds up no other`() async throws {
        let (blobs, spool) = try parts()
        let lost = blobs.path(of: SHA256.digest(of: image)).split(separator: "/").dropLast().joined(separator: "/")
        unsafe rmdir("/\(lost)")
        let file = try await file(image, in: spool)
        await #expect(throws: FileError.self) { try await blobs.store(file) }
        #expect(self.blobs.isEmpty)
        unsafe mkdir("/\(lost)", 0o700)
        #expect(try await blobs.store(file) == .file)
        #expect(try await !blobs.remove(file.digest) { true }, "it is pinned, once")
        blobs.release(file.digest)
        #expect(try await blobs.remove(file.digest) { true })
    }

    @Test @EventLoop func `what a power cut has left in an image's place gives way to the image`() async throws {
        let (blobs, spool) = try parts()
        let digest = SHA256.digest(of: image)
        let remains = try TemporaryFile(in: spool.folder)
        try remains.write([UInt8](repeating: 0, count: 10))
        try remains.commit(to: blobs.path(of: digest), durable: false)
        _ = try await blobs.store(file(image, in: spool))
        #expect(try readFile(blobs.path(of: digest), limit: 1 << 20) == image)
    }

    @Test @EventLoop func `what is not whole yet is not among the images, and gone after a crash`() async throws {
        let (_, spool) = try parts()
        let writer = try SpoolWriter(in: spool, limit: 1000)
        let half = Array(png().dropLast(20))
        try writer.write(half.span)
        #expect(blobs.isEmpty)
        #expect(try folder.names(in: "spool").count == 1)
        _ = try parts()
        #expect(try folder.names(in: "spool").isEmpty)
        withExtendedLifetime(writer) {}
    }

    @Test @EventLoop func `an image that a job has not written down yet cannot be removed`() async throws {
        let (blobs, spool) = try parts()
        let digest = SHA256.digest(of: image)
        _ = try await blobs.store(file(image, in: spool))
        _ = try await blobs.store(file(image, in: spool))
        blobs.release(digest)
        #expect(try await !blobs.remove(digest) { true })
        #expect(self.blobs.count == 1)
        blobs.release(digest)
        #expect(try await blobs.remove(digest) { true })
        #expect(self.blobs.isEmpty)
    }

    @Test @EventLoop func `an image whose rows are still wanted stays`() async throws {
        let (blobs, spool) = try parts()
        let digest = SHA256.digest(of: image)
        _ = try await blobs.store(file(image, in: spool))
        blobs.release(digest)
        #expect(try await !blobs.remove(digest) { false })
        await #expect(throws: BrokenOff.self) { try await blobs.remove(digest) { throw BrokenOff() } }
        #expect(self.blobs.count == 1)
        // Neither left anything behind that a later removal would wait for.
        #expect(try await blobs.remove(digest) { true })
    }

    @Test @EventLoop func `an image stored again while it is being removed is there in the end`() async throws {
        let (blobs, spool) = try parts()
        let digest = SHA256.digest(of: image)
        _ = try await blobs.store(file(image, in: spool))
        blobs.release(digest)

        let (isForgetting, mayForget) = (Promise<Void>(), Promise<Void>())
        let removal = EventLoop.spawn {
            try await blobs.remove(digest) {
                isForgetting.fulfil(())
                _ = await mayForget.wait()
                return true
            }
        }
        _ = await isForgetting.wait()
        let again = try await file(image, in: spool)
        let storing = EventLoop.spawn { try await blobs.store(again) }
        #expect(try await !blobs.remove(digest) { true }, "nobody else removes it meanwhile")
        mayForget.fulfil(())
        #expect(try await removal.value)
        _ = try await storing.value
        #expect(self.blobs == [blobs.path(of: digest)])
        #expect(try await !blobs.remove(digest) { true }, "it is held until its row is written")
    }

    @Test @EventLoop func `an image that could not be stored is not held`() async throws {
        let (blobs, spool) = try parts()
        let stored = try await file(image, in: spool)
        let digest = stored.digest
        _ = try await blobs.store(stored)
        blobs.release(digest)
        #expect(try await blobs.remove(digest) { true })
        // A file that has been moved and deleted is not there to be moved again.
        await #expect(throws: FileError.self) { try await blobs.store(stored) }
        #expect(try await blobs.remove(digest) { true })
    }

    @Test @EventLoop func `removing what is gone already is no failure`() async throws {
        let (blobs, _) = try parts()
        #expect(try await blobs.remove(SHA256.digest(of: [1])) { true })
    }
}
