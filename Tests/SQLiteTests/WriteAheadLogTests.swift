@testable import SQLite
import Testing

@Suite(.timeLimit(.minutes(1)))
struct WriteAheadLogTests {
    let scratch = Scratch()

    @Test func `a commit does not wait for a checkpoint that is under way`() async throws {
        let threads = try WriterAndCheckpointer(scratch)
        // The first commit only tells how long the log is already.
        let pages = await threads.write(until: await threads.write() + WriteAheadLog.pagesBeforeCheckpoint)
        await threads.gate.arrival()
        #expect(await threads.write(until: 2 * pages) >= 2 * pages)
        #expect(threads.checkpointer.waitingCount == 0, "there is one at a time")
        await threads.end()
    }

    @Test func `the log starts over, although there were commits during the checkpoint`() async throws {
        let threads = try WriterAndCheckpointer(scratch)
        let reader = try Connection.open(scratch.database, for: .readOnly)
        let pages = await threads.write(until: WriteAheadLog.pagesBeforeStartingOver)
        await threads.gate.arrival()
        // What a reader does not see yet is not copied, like what comes after the beginning of a checkpoint.
        try reader.run("BEGIN")
        _ = try reader.texts("SELECT count(*) FROM notes")
        #expect(await threads.write() > pages)
        threads.gate.open()
        await threads.checkpointer.finish()
        try reader.run("COMMIT")
        #expect(await threads.write() > pages, "nobody has copied the rest yet")
        #expect(await threads.write() < pages)
        await threads.end()
    }

    @Test func `a log that is too long makes the writer wait for the checkpoint`() async throws {
        let threads = try WriterAndCheckpointer(scratch)
        await threads.write(until: WriteAheadLog.pagesLimit)
        async let pages = threads.write()
        await eventually { threads.writer.waitingCount == 1 }
        threads.gate.open()
        #expect(await pages < WriteAheadLog.pagesLimit)
        await threads.end()
    }

    @Test func `constant writing makes the log no longer than its limit, and loses nothing`() async throws {
        let database = try scratch.open(durability: .relaxed)
        let longest = try await withThrowingTaskGroup(of: Int.self) { group in
            for writer in 0..<8 {
                group.addTask {
                    var longest = 0
                    for number in 0..<75 {
                        let pages = try await database.write { connection in
                            try connection.addLongNote("\(writer) \(number)")
                            return connection.log.pages
                        }
                        longest = max(longest, pages)
                    }
                    return longest
                }
            }
            return try await group.reduce(0, max)
        }
        #expect(longest > WriteAheadLog.pagesBeforeCheckpoint)
        #expect(longest < WriteAheadLog.pagesLimit + 1_000)
        await database.close()
        #expect(!scratch.hasLog)

        let notes = try await scratch.open().read { connection in
            try connection.rows("SELECT substr(text, 1, instr(text, ',')) FROM notes") { $0.text(0) }
        }
        #expect(Set(notes).count == 600)
    }
}

/// What `Database` has, with a gate before each checkpoint.
private struct WriterAndCheckpointer: Sendable {
    let gate = Gate()
    let writer = Worker<@Sendable (borrowing Connection) -> Void>()
    let checkpointer = Worker<Checkpoint>()

    init(_ scratch: Scratch) throws {
        let connection = try Connection.open(scratch.database, for: .readWrite(.relaxed))
        try connection.migrate([.notes])
        connection.followLog()
        try writer.start(name: "writer", connection: connection, batchLimit: 1) { [checkpointer] connection, writes in
            for write in writes { write(connection) }
            connection.log.keepShort(writer: connection, checkpointer: checkpointer)
        }
        let second = try Connection.open(scratch.database, for: .readWrite(.relaxed))
        try checkpointer.start(name: "checkpointer", connection: second, batchLimit: 1) {
            [gate] connection, checkpoints in
            gate.arriveAndWait()
            for checkpoint in checkpoints { checkpoint.run(on: connection) }
        }
    }

    /// Writes until the log has so many pages, and says how many it has; with none, writes once.
    @discardableResult
    func write(until pages: Int = 0) async -> Int {
        while true {
            let length = await withCheckedContinuation { continuation in
                _ = writer.add { connection in
                    do {
                        try connection.addLongNote("\(Int.random(in: 0 ... .max))")
                    } catch {
                        Issue.record(error)
                    }
                    continuation.resume(returning: connection.log.pages)
                }
            }
            if length >= pages { return length }
        }
    }

    /// Lets all checkpoints go on, and waits for the threads to end.
    func end() async {
        for _ in 0..<100 { gate.open() }
        await writer.finish()
        await checkpointer.finish()
    }
}

extension Connection {
    /// Adds some fifty pages, half of them to the index.
    fileprivate borrowing func addLongNote(_ text: String) throws {
        try run("INSERT INTO notes (text) VALUES (?)", [.text(text + "," + String(repeating: "x", count: 100_000))])
    }
}
