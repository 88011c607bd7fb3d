import Crypto
import SQLite

extension Ledger {
    /// Blobs whose newest use is older than a moment, oldest first.
    func imagesStored(before moment: Timestamp, limit: Int) async throws -> [Digest] {
        try await digests(
            """
            SELECT digest FROM images AS old WHERE created_at < ?1
                AND NOT EXISTS (SELECT 1 FROM images WHERE digest = old.digest AND created_at >= ?1)
            GROUP BY digest ORDER BY min(created_at) LIMIT ?2
            """, [.timestamp(moment), .integer(limit)])
    }

    /// The oldest blobs whose removal brings the total back to a number of bytes; none when it is there already.
    func oldestImages(over bytes: Int, limit: Int) async throws -> [Digest] {
        try await database.read { connection in
            let total = try connection.row("SELECT coalesce(sum(bytes), 0) FROM blobs") { $0.integer(0) } ?? 0
            var excess = total - bytes
            guard excess > 0 else { return [] }
            var due: [Digest] = []
            _ = try connection.rows(
                """
                SELECT digest, bytes FROM blobs JOIN images USING (digest)
                GROUP BY digest ORDER BY max(created_at) LIMIT ?
                """, [.integer(limit)]
            ) { row in
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
            try connection.run("DELETE FROM images WHERE digest = ?", [.blob(digest.bytes)])
            try connection.run("DELETE FROM blobs WHERE digest = ?", [.blob(digest.bytes)])
            return true
        }
    }

    private func digests(_ sql: String, _ values: [Value]) async throws -> [Digest] {
        try await database.read { connection in
            try connection.rows(sql, values) { Digest(stored: $0.blob(0)) }.compactMap { $0 }
        }
    }
}
