import SQLite
import Testing

/// A database that is opened only to be read.
@Suite(.timeLimit(.minutes(1)))
struct ReadingTests {
    let scratch = Scratch()

    private func refusal(of history: [Migration]) -> String? {
        do throws(DatabaseError) {
            _ = try Database(reading: scratch.database, migrations: history)
            return nil
        } catch {
            return error.message
        }
    }

    @Test func `it sees what another writes meanwhile`() async throws {
        let writing = try scratch.open()
        let reading = try Database(reading: scratch.database, migrations: [.notes])
        for number in 1...3 {
            try await writing.add("note \(number)")
            #expect(try await reading.notes().count == number)
        }
        await reading.close()
        await writing.close()
    }

    @Test func `it refuses to write, and closes`() async throws {
        await (try scratch.open()).close()
        let reading = try Database(reading: scratch.database, migrations: [.notes])
        let error = await #expect(throws: DatabaseError.self) { try await reading.add("no") }
        #expect(error?.message == "the database was opened to be read only")
        #expect(reading.waitingWrites == 0)
        #expect(try await reading.notes().isEmpty)
        await reading.close()
        await #expect(throws: DatabaseError.self) { try await reading.notes() }
    }

    @Test func `it makes no file where there is none`() {
        #expect(refusal(of: [.notes])?.hasPrefix("unable to open database file") == true)
        #expect(!scratch.hasDatabase)
    }

    @Test func `a file that is new is not of an older version`() async throws {
        await (try scratch.open([])).close()
        #expect(try !Database.isOutdated(scratch.database, migrations: [.notes]))
    }

    @Test func `it leaves an older schema as it is, and refuses it as it refuses a newer one`() async throws {
        let titles = Migration("0002 add titles", sql: "ALTER TABLE notes ADD COLUMN title TEXT")
        await (try scratch.open()).close()
        #expect(try Database.isOutdated(scratch.database, migrations: [.notes, titles]))
        for _ in 0..<2 {
            #expect(
                refusal(of: [.notes, titles])
                    == "it is not up to date, without the migration “0002 add titles”, and was opened only to be read")
        }
        await (try scratch.open([.notes, titles])).close()
        #expect(refusal(of: [.notes, titles]) == nil)
        #expect(try !Database.isOutdated(scratch.database, migrations: [.notes, titles]))
        #expect(refusal(of: [.notes])?.contains("migrations this program does not know, “0002 add titles”") == true)
    }
}
