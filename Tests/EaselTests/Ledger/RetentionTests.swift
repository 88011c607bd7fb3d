import Testing

@testable import Easel

struct RetentionTests {
    private let folder = TemporaryFolder()
    private let clock = ManualClock()

    private func moment(_ day: Int) -> Timestamp { clock.now + .seconds(86_400 * day) }

    @Test func `the newest use of a blob decides its age`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let key = try await ledger.anyKey()
        try await ledger.addJob("req_1", key: key, blobs: [.example("shared"), .example("old")], at: moment(0))
        try await ledger.addJob("req_2", key: key, blobs: [.example("middle")], at: moment(1))
        try await ledger.addJob("req_3", key: key, blobs: [.example("shared")], at: moment(2))
        let digests = ["old", "middle", "shared"].map { OldImage.file(BlobRecord.example($0).digest) }
        #expect(try await ledger.imagesStored(before: moment(0), limit: 9).isEmpty)
        #expect(try await ledger.imagesStored(before: moment(2), limit: 9) == Array(digests.prefix(2)))
        #expect(try await ledger.imagesStored(before: moment(3), limit: 9) == digests)
        #expect(try await ledger.imagesStored(before: moment(3), limit: 1) == Array(digests.prefix(1)))
        await ledger.close()
    }

    @Test func `a blob counts once towards the disk, however many links it has`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let key = try await ledger.anyKey()
        for (index, name) in ["a", "b", "a", "c"].enumerated() {
            try await ledger.addJob("req_\(index)", key: key, blobs: [.example(name, length: 100)], at: moment(index))
        }
        #expect(try await ledger.number(Ledger.totalOfBlobs) == 300)
        #expect(try await ledger.oldestImages(over: 300, limit: 9).isEmpty)
        #expect(try await ledger.oldestImages(over: 299, limit: 9) == [.file(BlobRecord.example("b").digest)])
        #expect(
            try await ledger.oldestImages(over: 150, limit: 9)
                == ["b", "a"].map { .file(BlobRecord.example($0).digest) })
        #expect(try await ledger.oldestImages(over: 0, limit: 9).count == 3)
        await ledger.close()
    }

    @Test func `small images have an age and a length each`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let key = try await ledger.anyKey()
        var blob = BlobRecord.example("a", length: 5)
        blob.content = .bytes([1, 2, 3, 4, 5])
        for day in 0..<3 { try await ledger.addJob("req_\(day)", key: key, blobs: [blob], at: moment(day)) }
        #expect(try await ledger.number(Ledger.totalOfBlobs) == 15)
        #expect(try await ledger.imagesStored(before: moment(2), limit: 9) == [.row(1), .row(2)])
        #expect(try await ledger.oldestImages(over: 9, limit: 9) == [.row(1), .row(2)])
        try await ledger.forgetSmallImages([1, 2])
        #expect(try await ledger.number(Ledger.totalOfBlobs) == 5)
        #expect(try await ledger.image(token: "req_0-0") == nil)
        #expect(try await ledger.image(token: "req_2-0")?.blob == blob)
        #expect(try await ledger.job("req_2")?.images.map(\.blob.content) == [.ledger])
        await ledger.close()
    }

    @Test func `a forgotten blob takes its links along, and its jobs stay`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let key = try await ledger.anyKey()
        try await ledger.addJob("req_1", key: key, blobs: [.example("a", length: 70), .example("b", length: 30)])
        #expect(try await ledger.forgetBlob(BlobRecord.example("a").digest))
        #expect(try await ledger.image(token: "req_1-0") == nil)
        #expect(try await ledger.image(token: "req_1-1") != nil)
        #expect(try await ledger.job("req_1")?.job.images == 2)
        #expect(try await ledger.number(Ledger.totalOfBlobs) == 30)
        await ledger.close()
    }
}
