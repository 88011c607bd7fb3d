import Crypto
import SQLite
import Testing

@testable import Easel

struct KeyTests {
    private let folder = TemporaryFolder()
    private let clock = ManualClock()

    @Test func `a key is found by itself alone, and is kept nowhere`() async throws {
        let ledger = try Ledger(folder: folder.path)
        let (record, key) = try await ledger.createKey(name: "ci", models: ["otter", "水獺"], at: clock.now)
        #expect(key.reveal().hasPrefix("sk-easel-"))
        #expect(key.reveal().count >= "sk-easel-".count + 43)
        let found = try #require(try await ledger.key(key, at: clock.now))
        #expect(found.id == record.id)
        #expect(found.name == "ci")
        #expect(found.models == ["otter", "水獺"])
        #expect(found.createdAt == clock.now)
        #expect(found.revokedAt == nil)
        #expect(try await ledger.key(Secret("sk-easel-guess"), at: clock.now) == nil)
        await ledger.close()
        #expect(!(try folder.contains(key.reveal())))
        #expect(!(try folder.contains(String(key.reveal().dropFirst(20)))))
    }

    @Test func `keys are listed oldest first`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        for name in ["a", "b", "c"] {
            _ = try await ledger.createKey(name: name, models: nil, at: clock.now)
            clock.advance(by: .seconds(1))
        }
        #expect(try await ledger.keys().map(\.name) == ["a", "b", "c"])
        #expect(try await ledger.keys().allSatisfy { $0.models == nil && $0.mayUse("anything") })
        await ledger.close()
    }

    @Test func `a key is revoked once, and its jobs stay`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let (record, key) = try await ledger.createKey(name: "ci", models: nil, at: clock.now)
        try await ledger.addJob("req_1", key: record)
        #expect(try await ledger.revokeKey(record.id, at: clock.now + .seconds(5)))
        #expect(try await !ledger.revokeKey(record.id, at: clock.now + .seconds(9)))
        #expect(try await !ledger.revokeKey("key_unknown", at: clock.now))
        #expect(try await ledger.key(key, at: clock.now)?.revokedAt == clock.now + .seconds(5))
        #expect(try await ledger.job("req_1")?.job.keyID == record.id)
        await ledger.close()
    }

    @Test(arguments: ["[]", "", "nonsense", #"{"all": true}"#])
    func `a list of models that cannot be read allows nothing`(models: String) async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let (_, key) = try await ledger.createKey(name: "ci", models: nil, at: clock.now)
        try await ledger.database.write { connection in
            try connection.run("UPDATE keys SET models = ?", [.text(models)])
        }
        #expect(try await ledger.key(key, at: clock.now)?.mayUse("otter") == false)
        await ledger.close()
    }

    /// Every limit there is.
    private var everyLimit: KeyLimits {
        var limits = KeyLimits(
            requestsPerMinute: 60, imagesPerMinute: 10, concurrency: 4, expiresAt: clock.now + .seconds(90),
            unknownPrices: true)
        for (period, amount) in zip(Budget.Period.allCases, ["1.5", "20", "0"]) {
            limits.budget[period] = Money(amount)
        }
        return limits
    }

    @Test func `a key keeps its limits until it gets others`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let (record, key) = try await ledger.createKey(name: "a", models: nil, limits: everyLimit, at: clock.now)
        let (_, other) = try await ledger.createKey(name: "b", models: nil, at: clock.now)
        #expect(try await ledger.key(key, at: clock.now)?.limits == everyLimit)
        try await ledger.limitKey(record.id, to: KeyLimits(concurrency: 9))
        #expect(try await ledger.key(key, at: clock.now)?.limits == KeyLimits(concurrency: 9))
        #expect(try await ledger.key(other, at: clock.now)?.limits == KeyLimits())
        #expect(try await ledger.key(id: record.id)?.name == "a")
        #expect(try await ledger.key(id: "key_unknown") == nil)
        await ledger.close()
    }

    @Test func `a key that is replaced keeps its id, and counts for as long as its owner says`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let (record, first) = try await ledger.createKey(name: "a", models: ["m"], limits: everyLimit, at: clock.now)
        let second = try #require(try await ledger.rotateKey(record.id, grace: .seconds(60), at: clock.now))
        for key in [first, second] {
            let found = try await ledger.key(key, at: clock.now + .seconds(59))
            #expect(found?.id == record.id)
            #expect(found?.limits == everyLimit)
            #expect(found?.prefix == String(second.reveal().prefix(13)))
        }
        #expect(try await ledger.key(first, at: clock.now + .seconds(60)) == nil)

        // Whoever replaces a key at once wants nothing older to work either.
        let third = try #require(try await ledger.rotateKey(record.id, grace: .zero, at: clock.now))
        #expect(try await ledger.key(first, at: clock.now) == nil)
        #expect(try await ledger.key(second, at: clock.now) == nil)
        #expect(try await ledger.key(third, at: clock.now)?.id == record.id)
        #expect(try await ledger.number("SELECT count(*) FROM former_keys") == 0)

        #expect(try await ledger.rotateKey("key_unknown", grace: .zero, at: clock.now) == nil)
        #expect(try await ledger.revokeKey(record.id, at: clock.now))
        #expect(try await ledger.rotateKey(record.id, grace: .zero, at: clock.now) == nil)
        await ledger.close()
    }

    @Test func `a former key ends with the key itself`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let (record, first) = try await ledger.createKey(name: "a", models: nil, at: clock.now)
        _ = try await ledger.rotateKey(record.id, grace: .seconds(60), at: clock.now)
        #expect(try await ledger.revokeKey(record.id, at: clock.now))
        #expect(try await ledger.key(first, at: clock.now)?.revokedAt != nil)
        await ledger.close()
    }

    private func declared(_ name: String, _ secret: String, rpm: Int? = nil) -> DeclaredKey {
        DeclaredKey(name: name, digest: SHA256.digest(of: secret), limits: KeyLimits(requestsPerMinute: rpm))
    }

    @Test func `keys of the owner's file are what the file says, and nothing else changes`() async throws {
        let ledger = try Ledger(folder: folder.path, isDurable: false)
        let (made, _) = try await ledger.createKey(name: "made", models: nil, at: clock.now)
        func id(_ secret: String) async throws -> String? {
            let key = try await ledger.key(Secret(secret), at: clock.now)
            return key?.revokedAt == nil ? key?.id : nil
        }
        try await ledger.declare([declared("a", "one"), declared("b", "two")], at: clock.now)
        #expect(try await id("one") == "key_a")
        #expect(try await id("two") == "key_b")

        // Others in their places, and other limits.
        try await ledger.declare([declared("a", "two", rpm: 5), declared("b", "one")], at: clock.now)
        #expect(try await id("two") == "key_a")
        #expect(try await ledger.key(id: "key_a")?.limits.requestsPerMinute == 5)

        try await ledger.declare([declared("b", "one")], at: clock.now + .seconds(1))
        #expect(try await id("two") == nil)
        #expect(try await id("one") == "key_b")
        #expect(try await ledger.key(id: "key_a")?.revokedAt == clock.now + .seconds(1))
        #expect(try await ledger.key(id: made.id)?.revokedAt == nil)

        try await ledger.declare([declared("a", "two")], at: clock.now)
        #expect(try await id("two") == "key_a")
        #expect(try await ledger.keys().map(\.id).sorted() == [made.id, "key_a", "key_b"].sorted())
        await ledger.close()
    }
}
