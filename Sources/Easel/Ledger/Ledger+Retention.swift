import Crypto
import SQLite

/// What is deleted as one when its time is over.
enum OldImage: Sendable, Hashable {
    /// A blob in a file, with every image that shares it.
    case file(Digest)
    /// An image in the ledger itself, by its row.
    case row(Int)
}

extension Ledger {
    /// Images whose newest use is older than a moment, oldest first: first those in files.
    func imagesStored(before moment: Timestamp, limit: Int) async throws -> [OldImage] {
        try await database.read { connection in
            let files = try connection.rows(Self.blobsUsedBefore, [.timestamp(moment), .integer(limit)]) {
                Digest(stored: $0.blob(0))
            }
            let rows = try Self.oldestSmallImages(limit, connection).prefix { $0.createdAt < moment }
            return files.compactMap { $0.map(OldImage.file) } + rows.map { .row($0.id) }
        }
    }

    /// The oldest images whose removal brings the total back to a number of bytes; none when it is there already.
    func oldestImages(over bytes: Int, limit: Int) async throws -> [OldImage] {
        try await database.read { connection in
            let total = try connection.row(Self.totalOfBlobs) { $0.integer(0) } ?? 0
            var excess = total - bytes
            guard excess > 0 else { return [] }
            let files = try connection.rows(Self.oldestBlobs, [.integer(limit)]) { row in
                Digest(stored: row.blob(0)).map {
                    (image: OldImage.file($0), length: row.integer(1), at: Timestamp(stored: row.integer(2)))
                }
            }
            let rows = try Self.oldestSmallImages(limit, connection).map {
                (image: OldImage.row($0.id), length: $0.length, at: $0.createdAt)
            }
            var due: [OldImage] = []
            for (image, length, _) in (files.compactMap { $0 } + rows).sorted(by: { $0.at < $1.at }) {
                guard excess > 0, due.count < limit else { break }
                due.append(image)
                excess -= length
            }
            return due
        }
    }

    /// The small images that were written first.
    private static func oldestSmallImages(
        _ limit: Int, _ connection: borrowing Connection
    ) throws -> [(id: Int, createdAt: Timestamp, length: Int)] {
        try connection.rows(oldestSmallImages, [.integer(limit)]) {
            ($0.integer(0), Timestamp(stored: $0.integer(1)), $0.integer(2))
        }
    }

    /// Bytes of all images, as they are counted while they come and go.
    func storedBytes() async throws -> Int {
        try await database.read { try $0.row(Self.totalOfBlobs) { $0.integer(0) } ?? 0 }
    }

    /// Deletes an image's rows; its jobs keep their own.
    func forgetBlob(_ digest: Digest) async throws -> Bool {
        try await database.write { connection in
            try connection.run(Self.deleteLinks, [.blob(digest.bytes)])
            try connection.run(Self.deleteBlob, [.blob(digest.bytes)])
            return true
        }
    }

    /// Deletes small images, all at once; their jobs keep their rows.
    func forgetSmallImages(_ ids: [Int]) async throws {
        try await database.write { connection in
            for id in ids { try connection.run(Self.deleteSmallImage, [.integer(id)]) }
        }
    }

    static let blobsUsedBefore = "SELECT digest FROM blobs WHERE used_at < ? ORDER BY used_at LIMIT ?"
    static let oldestBlobs = "SELECT digest, bytes, used_at FROM blobs ORDER BY used_at LIMIT ?"
    static let oldestSmallImages = "SELECT id, created_at, length(content) FROM small_images ORDER BY id LIMIT ?"
    static let totalOfBlobs = "SELECT bytes FROM totals WHERE name = 'blobs'"
    static let deleteLinks = "DELETE FROM images WHERE digest = ?"
    static let deleteBlob = "DELETE FROM blobs WHERE digest = ?"
    static let deleteSmallImage = "DELETE FROM small_images WHERE id = ?"
}
