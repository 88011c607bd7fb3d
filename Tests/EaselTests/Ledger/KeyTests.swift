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
        let found = try #require(try await ledger.key(key))
        #expect(found.id == record.id)
        #expect(found.name == "ci")
        #expect(found.models == ["otter", "水獺"])
        #expect(found.createdAt == clock.now)
        #expect(found.revokedAt == nil)
        #expect(try await ledger.key(Secret("sk-easel-guess")) == nil)
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
        #expect(try await ledger.key(key)?.revokedAt == clock.now + .seconds(5))
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
        #expect(try await ledger.key(key)?.mayUse("otter") == false)
        await ledger.close()
    }
}
