import Crypto
import JSON
import SQLite

extension Ledger {
    /// Makes a key for some models, or for every one; it can be seen here and never again.
    func createKey(
        name: String, models: [String]?, limits: KeyLimits = KeyLimits(), at now: Timestamp
    ) async throws -> (record: KeyRecord, key: Secret) {
        let key = Self.newKey()
        let record = KeyRecord(
            id: "key_" + Random.token(bytes: 9), name: name, prefix: Self.prefix(of: key), models: models,
            limits: limits, createdAt: now)
        try await database.write { connection in try Self.write(record, Self.digest(of: key), connection) }
        return (record, key)
    }

    /// The key a client showed; `nil` for one that was never made here, or was replaced too long ago.
    func key(_ key: Secret, at now: Timestamp) async throws -> KeyRecord? {
        let digest = Value.blob(Self.digest(of: key).bytes)
        return try await database.read { connection in
            try connection.row(Self.keyOfHash, [digest]) { KeyRecord($0) }
                ?? connection.row(Self.keyOfFormerHash, [digest, .timestamp(now)]) { KeyRecord($0) }
        }
    }

    /// Every key, oldest first.
    func keys() async throws -> [KeyRecord] {
        try await database.read { connection in
            try connection.rows(Self.selectKeys + "ORDER BY created_at, id") { KeyRecord($0) }
        }
    }

    /// A key by its id; `nil` when there is none.
    func key(id: String) async throws -> KeyRecord? {
        try await database.read { connection in try connection.row(Self.keyOfID, [.text(id)]) { KeyRecord($0) } }
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

    /// Puts a new key in the place of one that is not revoked, under the same id; the old one counts for a while yet.
    ///
    /// Those that it has replaced before it end by then, too.
    ///
    /// - Returns: The new key, which can be seen here and never again; `nil` when there is none to replace.
    func rotateKey(_ id: String, grace: Duration, at now: Timestamp) async throws -> Secret? {
        let key = Self.newKey()
        let (end, digest, prefix) = (now + grace, Self.digest(of: key), Self.prefix(of: key))
        let isRotated = try await database.write { connection in
            try connection.run(
                "UPDATE former_keys SET valid_until = min(valid_until, ?) WHERE key_id = ?",
                [.timestamp(end), .text(id)])
            try connection.run(
                """
                INSERT INTO former_keys (hash, key_id, valid_until)
                SELECT hash, id, ? FROM keys WHERE id = ? AND revoked_at IS NULL
                """, [.timestamp(end), .text(id)])
            try connection.run("DELETE FROM former_keys WHERE valid_until <= ?", [.timestamp(now)])
            return try connection.run(
                "UPDATE keys SET hash = ?, prefix = ? WHERE id = ? AND revoked_at IS NULL",
                [.blob(digest.bytes), .text(prefix), .text(id)]) > 0
        }
        return isRotated ? key : nil
    }

    /// Gives a key other limits, from its next request on.
    func limitKey(_ id: String, to limits: KeyLimits) async throws {
        try await database.write { connection in
            let columns = Self.limitColumns.map { "\($0) = ?" }.joined(separator: ", ")
            try connection.run("UPDATE keys SET \(columns) WHERE id = ?", Self.values(of: limits) + [.text(id)])
        }
    }

    /// Makes the keys of the owner's file be what the file says, all or nothing; those that it has no more are revoked.
    ///
    /// Nothing is written where they are that already.
    ///
    /// - Throws: A ``Refusal`` when one of them is a key that a command has made.
    func declare(_ keys: [DeclaredKey], at now: Timestamp) async throws {
        guard try await Set(declaredKeys()) != Set(keys) else { return }
        try await database.write { connection in
            for key in keys {
                let made = try connection.row(Self.madeKeyOfHash, [.blob(key.digest.bytes)]) { $0.text(0) }
                if let made { throw Refusal("'keys.\(key.name)' is the key \(made), which a command has made") }
            }
            // So that two of them may have changed places.
            try connection.run("UPDATE keys SET hash = randomblob(32) WHERE declared = 1")
            for key in keys {
                let record = KeyRecord(
                    id: key.id, name: key.name, prefix: key.prefix, models: key.models, limits: key.limits,
                    isDeclared: true, createdAt: now)
                try Self.write(record, key.digest, connection)
            }
            let ids = JSONValue.array(keys.map { .string($0.id) }).text
            try connection.run(
                """
                UPDATE keys SET revoked_at = ?
                WHERE declared = 1 AND revoked_at IS NULL AND id NOT IN (SELECT value FROM json_each(?))
                """, [.timestamp(now), .text(ids)])
        }
    }

    /// The keys of the owner's file that count.
    private func declaredKeys() async throws -> [DeclaredKey] {
        try await database.read { connection in
            try connection.rows(Self.selectKeys + "WHERE declared = 1 AND revoked_at IS NULL") { row in
                let key = KeyRecord(row)
                return Digest(stored: row.blob(15)).map {
                    DeclaredKey(name: key.name, digest: $0, models: key.models, limits: key.limits)
                }
            }.compactMap(\.self)
        }
    }

    static let madeKeyOfHash = "SELECT id FROM keys WHERE hash = ? AND declared = 0"
    static let keyOfHash = selectKeys + "WHERE hash = ?"
    static let keyOfFormerHash =
        selectKeys + "WHERE id = (SELECT key_id FROM former_keys WHERE hash = ? AND valid_until > ?)"
    static let keyOfID = selectKeys + "WHERE id = ?"

    private static let limitColumns = [
        "budget_day", "budget_month", "budget_total", "requests_per_minute", "images_per_minute", "concurrency",
        "expires_at", "unknown_prices",
    ]
    private static let selectKeys = """
        SELECT id, name, prefix, models, created_at, revoked_at, declared, \(limitColumns.joined(separator: ", ")),
            hash
        FROM keys 
        """

    /// Writes down a key, or what has become of one of that id.
    private static func write(
        _ key: KeyRecord, _ digest: Digest, _ connection: borrowing Connection
    ) throws {
        let changing = ["name", "hash", "prefix", "models", "declared"] + limitColumns
        let columns = (["id", "created_at"] + changing)
        let models = key.models.map { JSONValue.array($0.map(JSONValue.string)).text }
        try connection.run(
            """
            INSERT INTO keys (\(columns.joined(separator: ", ")))
            VALUES (\(columns.map { _ in "?" }.joined(separator: ", ")))
            ON CONFLICT (id) DO UPDATE
            SET revoked_at = NULL, \(changing.map { "\($0) = excluded.\($0)" }.joined(separator: ", "))
            """,
            [
                .text(key.id), .timestamp(key.createdAt), .text(key.name), .blob(digest.bytes), .text(key.prefix),
                .optional(models), .integer(key.isDeclared ? 1 : 0),
            ] + values(of: key.limits))
    }

    private static func values(of limits: KeyLimits) -> [Value] {
        Budget.Period.allCases.map { .optional(limits.budget[$0]) } + [
            .optional(limits.requestsPerMinute), .optional(limits.imagesPerMinute), .optional(limits.concurrency),
            .optional(limits.expiresAt), .optional(limits.unknownPrices.map { $0 ? 1 : 0 }),
        ]
    }

    private static func newKey() -> Secret { Secret("sk-easel-" + Random.token(bytes: 32)) }

    private static func prefix(of key: Secret) -> String { String(key.reveal().prefix(13)) }

    private static func digest(of key: Secret) -> Digest { SHA256.digest(of: key.reveal()) }
}

extension KeyRecord {
    fileprivate init(_ row: borrowing Row) {
        // A list that cannot be read allows nothing: only NULL allows everything.
        let models = row.optionalText(3).map { text in
            (try? JSONValue(parsing: Array(text.utf8)))?.array?.compactMap(\.string) ?? []
        }
        var limits = KeyLimits()
        for (column, period) in zip(7..., Budget.Period.allCases) {
            limits.budget[period] = row.optionalInteger(column).map(Money.init(stored:))
        }
        limits.requestsPerMinute = row.optionalInteger(10)
        limits.imagesPerMinute = row.optionalInteger(11)
        limits.concurrency = row.optionalInteger(12)
        limits.expiresAt = row.optionalInteger(13).map(Timestamp.init(stored:))
        limits.unknownPrices = row.optionalInteger(14).map { $0 != 0 }
        self.init(
            id: row.text(0), name: row.text(1), prefix: row.text(2), models: models, limits: limits,
            isDeclared: row.integer(6) != 0, createdAt: Timestamp(stored: row.integer(4)),
            revokedAt: row.optionalInteger(5).map(Timestamp.init(stored:)))
    }
}
