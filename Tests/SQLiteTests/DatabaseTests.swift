import SQLite
import Testing

@Suite(.timeLimit(.minutes(1)))
struct DatabaseTests {
    let scratch = Scratch()

    @Test(arguments: [Durability.full, .relaxed])
    func `a read sees the write that returned before it`(durability: Durability) async throws {
        let database = try scratch.open(durability: durability)
        for number in 1...20 {
            try await database.add("note \(number)")
            #expect(try await database.notes().last == "note \(number)")
        }
        await database.close()
    }

    @Test func `what was written is there after closing and opening again`() async throws {
        let database = try scratch.open()
        try await database.add("kept")
        await database.close()
        #expect(!scratch.hasLog, "closing leaves no log behind")
        #expect(try await scratch.open().notes() == ["kept"])
    }

    @Test func `a body may return what it found`() async throws {
        let database = try scratch.open()
        let id = try await database.write { connection in
            try connection.row("INSERT INTO notes (text) VALUES ('a') RETURNING id") { $0.integer(0) }
        }
        #expect(id == 1)
    }

    @Test func `a reader sees one snapshot and waits for no writer`() async throws {
        let database = try scratch.open()
        let held = Gate()
        async let counts = database.read { connection in
            let before = try connection.row("SELECT count(*) FROM notes") { $0.integer(0) }
            held.arriveAndWait()
            let after = try connection.row("SELECT count(*) FROM notes") { $0.integer(0) }
            return [before, after]
        }
        await held.arrival()
        try await database.add("meanwhile")
        held.open()
        #expect(try await counts == [0, 0])
        #expect(try await database.notes() == ["meanwhile"])
    }

    @Test func `reading cannot write`() async throws {
        let database = try scratch.open()
        let error = await #expect(throws: DatabaseError.self) {
            try await database.read { connection in try connection.run("DELETE FROM notes") }
        }
        #expect(error?.message == "attempt to write a readonly database")
    }

    @Test func `two databases on one file take turns`() async throws {
        let first = try scratch.open()
        let second = try scratch.open()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<100 {
                group.addTask { try await (number.isMultiple(of: 2) ? first : second).add("note \(number)") }
            }
            try await group.waitForAll()
        }
        #expect(try await first.notes().count == 100)
        #expect(try await second.notes() == first.notes())
    }

    @Test func `closing finishes the writes that wait, and refuses later ones`() async throws {
        let database = try scratch.open()
        let held = Gate()
        async let first = database.write { connection in
            held.arriveAndWait()
            try connection.run("INSERT INTO notes (text) VALUES ('first')")
        }
        await held.arrival()
        async let second: Void = database.add("second")
        await eventually { database.waitingWrites > 0 }
        async let closed: Void = database.close()
        held.open()
        _ = try await (first, second)
        await closed
        await database.close()

        let error = await #expect(throws: DatabaseError.self) { try await database.add("late") }
        #expect(error?.message == "the database has been closed")
        await #expect(throws: DatabaseError.self) { try await database.notes() }
        #expect(try await scratch.open().notes() == ["first", "second"])
    }

    @Test func `a database that is let go ends its threads after the last write`() async throws {
        var database: Database? = try scratch.open()
        try await database?.add("kept")
        database = nil
        await eventually { !scratch.isDatabaseOpen }
        #expect(try await scratch.open().notes() == ["kept"])
    }
}
