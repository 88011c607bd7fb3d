@testable import SQLite
import Testing

@Suite(.timeLimit(.minutes(1)))
struct GroupCommitTests {
    let scratch = Scratch()

    /// Queues every body while the writer is held up, so that they share the next transaction.
    private func together(
        on database: Database, _ bodies: [@Sendable (borrowing Connection) throws -> Void]
    ) async -> [Result<Void, any Error>] {
        let held = Gate()
        async let holder: Void? = try? database.write { _ in held.arriveAndWait() }
        await held.arrival()
        let results = await withTaskGroup(of: (Int, Result<Void, any Error>).self) { group in
            for (index, body) in bodies.enumerated() {
                group.addTask {
                    do {
                        return (index, .success(try await database.write(body)))
                    } catch {
                        return (index, .failure(error))
                    }
                }
                // One at a time, so that they are queued in order.
                await eventually { database.waitingWrites > index }
            }
            held.open()
            var results: [Int: Result<Void, any Error>] = [:]
            for await (index, result) in group { results[index] = result }
            return bodies.indices.compactMap { results[$0] }
        }
        _ = await holder
        return results
    }

    private func insert(_ text: String) -> @Sendable (borrowing Connection) throws -> Void {
        { connection in
            try connection.run("INSERT INTO notes (text) VALUES (?)", [.text(text)])
        }
    }

    @Test(arguments: [(writes: 200, commits: 1), (writes: 300, commits: 2)])
    func `writes that wait share one commit, up to a limit`(writes: Int, commits: Int) async throws {
        let database = try scratch.open()
        let results = await together(on: database, (0..<writes).map { insert("note \($0)") })
        #expect(results.allSatisfy { $0.error == nil })
        #expect(database.commitCount == 1 + commits)
        #expect(try await database.notes() == (0..<writes).map { "note \($0)" })
    }

    @Test func `how long commits take is added up`() async throws {
        let database = try scratch.open()
        #expect(database.commitTime == .zero)
        await #expect(throws: DatabaseError.self) { try await database.write { try $0.run("nonsense") } }
        let empty = database.commitTime
        try await database.write { connection in
            let start = ContinuousClock.now
            while start.duration(to: .now) < .milliseconds(5) {}
            try connection.run("INSERT INTO notes (text) VALUES ('note')")
        }
        #expect(database.commitTime - empty >= .milliseconds(5))
    }

    @Test func `a body that fails is undone alone`() async throws {
        let database = try scratch.open()
        let results = await together(
            on: database,
            [
                insert("first"),
                { connection in
                    try connection.run("INSERT INTO notes (text) VALUES ('half')")
                    try connection.run("INSERT INTO notes (text) VALUES ('first')")
                },
                insert("last"),
            ])
        #expect(results.map(\.error?.message) == [nil, "UNIQUE constraint failed: notes.text", nil])
        #expect(database.commitCount == 2)
        #expect(try await database.notes() == ["first", "last"])
    }

    @Test func `a deferred constraint fails the body that broke it, not the commit`() async throws {
        let links = Migration(
            "0002 add links",
            sql: "CREATE TABLE links (note INTEGER REFERENCES notes DEFERRABLE INITIALLY DEFERRED) STRICT")
        let database = try scratch.open([.notes, links])
        let results = await together(
            on: database,
            [
                insert("first"),
                { connection in try connection.run("INSERT INTO links VALUES (99)") },
                insert("last"),
            ])
        #expect(results.map(\.error?.message) == [nil, "FOREIGN KEY constraint failed", nil])
        #expect(try await database.notes() == ["first", "last"])
    }

    @Test func `a full disk fails the writes it undid, and no more`() async throws {
        let database = try scratch.open()
        try await database.write { connection in
            try connection.run("PRAGMA max_page_count = 20")
        }
        let big = String(repeating: "x", count: 200_000)
        let results = await together(on: database, [insert("first"), insert(big), insert("last")])
        let notes = try await database.notes()
        #expect(results[1].error?.isFull == true)
        #expect(results[2].error == nil)
        #expect(notes == (results[0].error == nil ? ["first", "last"] : ["last"]))
        #expect(results[1].error?.description.contains("free some space") == true)
    }

    @Test func `a body that ends the transaction fails what it ended, and no more`() async throws {
        let database = try scratch.open()
        let results = await together(
            on: database,
            [
                insert("first"), { connection in try connection.run("ROLLBACK") }, insert("last"),
            ])
        #expect(results.map { $0.error == nil } == [false, false, true])
        #expect(try await database.notes() == ["last"])
    }

    @Test func `a lock that another process keeps fails the writes, until it lets go`() async throws {
        let database = try scratch.open()
        let other = try Connection.open(scratch.database, for: .readWrite(.full))
        try await database.write { connection in
            try connection.run("PRAGMA busy_timeout = 20")
        }
        try other.run("BEGIN IMMEDIATE")
        let error = await #expect(throws: DatabaseError.self) { try await database.add("refused") }
        #expect(error?.isBusy == true)
        try other.run("ROLLBACK")
        try await database.add("accepted")
        #expect(try await database.notes() == ["accepted"])
    }
}

extension Result {
    fileprivate var error: DatabaseError? {
        if case .failure(let error) = self { error as? DatabaseError } else { nil }
    }
}
