import Crypto
import SQLite

extension Ledger {
    /// Blobs whose newest use is older than a moment, oldest first.
    func imagesStored(before moment: Timestamp, limit: Int) async throws -> [Digest] {
        try await database.read { connection in
            try connection.rows(Self.blobsUsedBefore, [.timestamp(moment), .integer(limit)]) {
                Digest(stored: $0.blob(0))
            }.compactMap { $0 }
        }
    }

    /// The oldest blobs whose removal brings the total back to a number of bytes; none when it is there already.
    func oldestImages(over bytes: Int, limit: Int) async throws -> [Digest] {
        try await database.read { connection in
            let total = try connection.row(Self.totalOfBlobs) { $0.integer(0) } ?? 0
            var excess = total - bytes
            guard excess > 0 else { return [] }
            var due: [Digest] = []
            _ = try connection.rows(Self.oldestBlobs, [.integer(limit)]) { row in
                guard excess > 0, let digest = Digest(stored: row.blob(0)) else { return }
                due.append(digest)
                excess -= row.integer(1)
            }
            return due
        }
    }

    /// Deletes an image's rows; its jobs keep their own.
    func forgetBlob(_ digest: Digest) async throws -> Bool {
        try await database.write { connection in
            try connection.run(Self.deleteLinks, [.blob(digest.bytes)])
            try connection.run(Self.deleteBlob, [.blob(digest.bytes)])
            return true
        }
    }

    static let blobsUsedBefore = "SELECT digest FROM blobs WHERE used_at < ? ORDER BY used_at LIMIT ?"
    static let oldestBlobs = "SELECT digest, bytes FROM blobs ORDER BY used_at LIMIT ?"
    static let totalOfBlobs = "SELECT bytes FROM totals WHERE name = 'blobs'"
    static let deleteLinks = "DELETE FROM images WHERE digest = ?"
    static let deleteBlob = "DELETE FROM blobs WHERE digest = ?"
}
