@testable import SQLite
import Testing

@Suite(.timeLimit(.minutes(1)))
struct MigrationTests {
    let scratch = Scratch()

    private static let titles = Migration("0002 add titles", sql: "ALTER TABLE notes ADD COLUMN title TEXT")

    private func refusal(of migrations: [Migration]) -> DatabaseError? {
        do throws(DatabaseError) {
            _ = try scratch.open(migrations)
            return nil
        } catch {
            return error
        }
    }

    @Test func `each migration runs once, in order`() async throws {
        await (try scratch.open([.notes])).close()
        let database = try scratch.open([.notes, Self.titles])
        let recorded = try await database.read { connection in
            try connection.rows("SELECT name, applied_at > 1700000000 FROM migrations ORDER BY position") { row in
                [row.value(0), row.value(1)]
            }
        }
        #expect(recorded == [["0001 add notes", 1], ["0002 add titles", 1]])
        await database.close()
        await (try scratch.open([.notes, Self.titles])).close()
    }

    @Test func `only a file that has rows is said to be upgraded`() async throws {
        var upgrades: [String] = []
        for migrations in [[Migration.notes], [.notes, Self.titles], [.notes, Self.titles]] {
            let database = try Database(path: scratch.database, migrations: migrations) { upgrades.append($0) }
            await database.close()
        }
        #expect(upgrades == ["0002 add titles"])
    }

    @Test func `a migration that fails leaves nothing, and those before it stay`() async throws {
        let broken = Migration("0002 broken", sql: "CREATE TABLE half (id INTEGER); SELECT nonsense")
        #expect(refusal(of: [.notes, broken])?.message == "no such column: nonsense")
        let database = try scratch.open([.notes])
        let tables = try await database.read { connection in
            try connection.rows("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name") { $0.text(0) }
        }
        #expect(tables == ["migrations", "notes"])
    }

    @Test func `a database of a newer version is refused by name`() async throws {
        await (try scratch.open([.notes, Self.titles])).close()
        #expect(
            refusal(of: [.notes])?.message == """
                it has been changed by migrations this program does not know, “0002 add titles”: \
                run the newer version that made them, or restore a backup from before
                """)
    }

    @Test func `a history in another order is refused`() async throws {
        let other = Migration("0003 other", sql: "CREATE TABLE other (id INTEGER)")
        await (try scratch.open([.notes, other])).close()
        #expect(
            refusal(of: [.notes, Self.titles, other])?.message == """
                its migration 2 is “0003 other”, but this program has “0002 add titles” in that place: \
                migrations may only be added at the end
                """)
    }

    @Test func `rebuilding a table keeps what refers to it`() async throws {
        let links = Migration(
            "0002 add links",
            sql: "CREATE TABLE links (note INTEGER REFERENCES notes ON DELETE CASCADE) STRICT")
        let database = try scratch.open([.notes, links])
        try await database.add("a")
        try await database.write { connection in try connection.run("INSERT INTO links VALUES (1)") }
        await database.close()

        let rebuild = Migration(
            "0003 rebuild notes",
            sql: """
                CREATE TABLE new_notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);
                INSERT INTO new_notes SELECT id, text FROM notes;
                DROP TABLE notes;
                ALTER TABLE new_notes RENAME TO notes
                """)
        let rebuilt = try scratch.open([.notes, links, rebuild])
        #expect(try await rebuilt.read { try $0.row("SELECT count(*) FROM links") { $0.integer(0) } } == 1)
        let error = await #expect(throws: DatabaseError.self) {
            try await rebuilt.write { connection in try connection.run("INSERT INTO links VALUES (99)") }
        }
        #expect(error?.message == "FOREIGN KEY constraint failed", "foreign keys are checked again afterwards")
    }

    @Test func `a migration that breaks a foreign key is undone`() async throws {
        let links = Migration("0002 add links", sql: "CREATE TABLE links (note INTEGER REFERENCES notes) STRICT")
        let broken = Migration("0003 broken") { connection in
            try connection.run("INSERT INTO links VALUES (99)")
        }
        #expect(
            refusal(of: [.notes, links, broken])?.message
                == "migration “0003 broken” leaves rows of links that refer to nothing")
        #expect(refusal(of: [.notes, links]) == nil)
    }

    @Test func `a migration that keeps all references has nobody look through them`() async throws {
        let links = Migration("0002 add links", sql: "CREATE TABLE links (note INTEGER REFERENCES notes) STRICT")
        // It does not, which is how one can tell.
        let careless = Migration("0003 careless", keepsReferences: true, sql: "INSERT INTO links VALUES (99)")
        #expect(refusal(of: [.notes, links, careless]) == nil)
    }

    @Test func `many can open a new database at once`() async throws {
        let scratch = scratch
        let history = [Migration.notes, Self.titles]
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask {
                    let database = try scratch.open(history)
                    try await database.add("note \(number)")
                    await database.close()
                }
            }
            try await group.waitForAll()
        }
        #expect(try await scratch.open(history).notes().count == 8)
    }

    @Test func `many processes can open a new database at once`() async throws {
        let path = scratch.database
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    await #expect(processExitsWith: .success) { [path = path as String] in
                        let database = try Database(path: path, migrations: [.notes])
                        for _ in 0..<20 { try await database.add("\(UInt64.random(in: .min ... .max))") }
                        await database.close()
                    }
                }
            }
        }
        #expect(try await scratch.open().notes().count == 80)
    }

    @Test func `two migrations of one name stop the program`() async {
        await #expect(processExitsWith: .failure) { [path = scratch.database as String] in
            _ = try Database(path: path, migrations: [.notes, .notes])
        }
    }
}
