import Crypto
import JSON
import SQLite

extension Ledger {
    /// Makes a key for some models, or for every one; it can be seen here and never again.
    func createKey(
        name: String, models: [String]?, at now: Timestamp
    ) async throws -> (record: KeyRecord, key: Secret) {
        let key = Secret("sk-easel-" + Random.token(bytes: 32))
        let record = KeyRecord(
            id: "key_" + Random.token(bytes: 9), name: name, prefix: String(key.reveal().prefix(13)), models: models,
            createdAt: now)
        let digest = SHA256.digest(of: Array(key.reveal().utf8))
        let allowed = models.map { JSONValue.array($0.map(JSONValue.string)).text }
        try await database.write { connection in
            try connection.run(
                "INSERT INTO keys (id, name, hash, prefix, models, created_at) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    .text(record.id), .text(name), .blob(digest.bytes), .text(record.prefix), .optional(allowed),
                    .timestamp(now),
                ])
        }
        return (record, key)
    }

    /// The key a client showed; `nil` for one that was never made here.
    func key(_ key: Secret) async throws -> KeyRecord? {
        let digest = SHA256.digest(of: Array(key.reveal().utf8))
        return try await database.read { connection in
            try connection.row(Self.keyOfHash, [.blob(digest.bytes)]) { KeyRecord($0) }
        }
    }

    /// Every key, oldest first.
    func keys() async throws -> [KeyRecord] {
        try await database.read { connection in
            try connection.rows(Self.selectKeys + "ORDER BY created_at, id") { KeyRecord($0) }
        }
    }

    /// Ends a key's life; its jobs stay in the books.
    ///
    /// - Returns: Whether there was such a key that was not revoked yet.
    func revokeKey(_ id: String, at now: Timestamp) async throws -> Bool {
        try await database.write { connection in
            try connection.run(
                "UPDATE keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", [.timestamp(now), .text(id)]) > 0
        }
    }

    static let keyOfHash = selectKeys + "WHERE hash = ?"
    private static let selectKeys = "SELECT id, name, prefix, models, created_at, revoked_at FROM keys "
}

extension KeyRecord {
    fileprivate init(_ row: borrowing Row) {
        // A list that cannot be read allows nothing: only NULL allows everything.
        let models = row.optionalText(3).map { text in
            (try? JSONValue(parsing: Array(text.utf8)))?.array?.compactMap(\.string) ?? []
        }
        self.init(
            id: row.text(0), name: row.text(1), prefix: row.text(2), models: models,
            createdAt: Timestamp(stored: row.integer(4)),
            revokedAt: row.optionalInteger(5).map(Timestamp.init(stored:)))
    }
}
