import Synchronization

/// When a committed write is on the disk.
package enum Durability: Sendable {
    /// Before ``Database/write(_:)`` returns: it survives a power cut.
    case full
    /// Soon after: the last writes before a power cut may be lost, but never a part of one. A crash of the program
    /// loses nothing.
    case relaxed
}

/// One database file: one thread that writes, a few that read and one for checkpoints, none of them the event loop's.
///
/// Writes that wait while a commit is under way share the next one, and with it the wait for the disk (*group
/// commit*): hundreds of them cost one `fsync`. Readers see the last commit and never wait for the writer (*write-ahead
/// logging*). Other processes may use the same file at the same time.
package final class Database: Sendable {
    /// How many writes may share a transaction; the next ones wait for the next commit.
    package static let writesPerCommit = 256
    /// How many reads may run at once.
    package static let readers = 2

    package let path: String
    /// `nil` when the file is only read.
    private let writer: Worker<Write>?
    private let reader = Worker<Read>()
    private let checkpointer = Worker<Checkpoint>()
    private let commits = Stopwatch()

    /// Opens the file, creating it if need be, and brings its schema up to date.
    ///
    /// Waits for the disk, and for another process that is doing the same. A file that has rows may take a while:
    /// `upgrading` hears of each migration before it begins.
    ///
    /// - Throws: What SQLite refused, or that the file's migrations are not the beginning of `migrations`.
    package init(
        path: String, durability: Durability = .full, migrations: [Migration],
        upgrading: (_ migration: String) -> Void = { _ in }
    ) throws(DatabaseError) {
        self.path = path
        let connection = try Connection.open(path, for: .readWrite(durability))
        try connection.migrate(migrations, upgrading: upgrading)

        connection.followLog()

        let writer = Worker<Write>()
        self.writer = writer
        try checkpointer.start(
            name: "checkpointer", connection: Connection.open(path, for: .readWrite(durability)), batchLimit: 1
        ) { connection, checkpoints in
            for checkpoint in checkpoints { checkpoint.run(on: connection) }
        }
        try writer.start(name: "sqlite-writer", connection: connection, batchLimit: Self.writesPerCommit) {
            [commits, checkpointer] connection, writes in
            let start = ContinuousClock.now
            connection.commitTogether(writes) { commits.add(start.duration(to: .now)) }
            connection.log.keepShort(writer: connection, checkpointer: checkpointer)
        }
        try startReaders()
    }

    /// Opens a file that exists, only to read it: every write throws, and its schema stays what it is.
    ///
    /// - Throws: What SQLite refused, or that the schema is not up to date with `migrations`.
    package init(reading path: String, migrations: [Migration]) throws(DatabaseError) {
        self.path = path
        writer = nil
        try Connection.open(path, for: .readOnly).checkIsUpToDate(with: migrations)
        try startReaders()
    }

    /// Whether opening a file that exists would change its schema, and it has one that others may be using.
    ///
    /// - Throws: As ``init(reading:migrations:)`` does.
    package static func isOutdated(_ path: String, migrations: [Migration]) throws(DatabaseError) -> Bool {
        let pending = try Connection.open(path, for: .readOnly).pendingMigrations(of: migrations)
        return !pending.isEmpty && pending.count < migrations.count
    }

    deinit {
        reader.stop()
        checkpointer.stop()
        writer?.stop()
    }

    private func startReaders() throws(DatabaseError) {
        for _ in 0..<Self.readers {
            let connection = try Connection.open(path, for: .readOnly)
            try reader.start(name: "sqlite-reader", connection: connection, batchLimit: 1) { connection, reads in
                for read in reads { read(connection) }
            }
        }
    }

    /// Runs `body` and returns once what it wrote is committed, and on the disk if the durability is ``Durability/full``.
    ///
    /// A body that throws leaves no trace, and does not disturb the writes it shares a transaction with: those are undone
    /// and run again, so a body must do nothing but read and write the database. It must not begin or end transactions
    /// itself, and should be quick: everything else that writes waits for it. Cancelling the task has no effect.
    ///
    /// - Throws: What `body` threw, or the ``DatabaseError`` that made the commit fail: either way nothing was written.
    @discardableResult
    package func write<Output: Sendable>(
        _ body: @escaping @Sendable (borrowing Connection) throws -> Output
    ) async throws -> Output {
        guard let writer else { throw DatabaseError.onlyRead(path: path) }
        return try await withCheckedThrowingContinuation { continuation in
            let write = Write(body) { continuation.resume(with: $0) }
            if !writer.add(write) { continuation.resume(throwing: DatabaseError.closed(path: path)) }
        }
    }

    /// Runs `body` on one snapshot of the database: every commit that came before, and none that comes meanwhile.
    ///
    /// A body that tries to write throws.
    package func read<Output: Sendable>(
        _ body: @escaping @Sendable (borrowing Connection) throws -> Output
    ) async throws -> Output {
        try await withCheckedThrowingContinuation { continuation in
            let read: Read = { connection in continuation.resume(with: Result { try connection.snapshot(body) }) }
            if !reader.add(read) { continuation.resume(throwing: DatabaseError.closed(path: path)) }
        }
    }

    /// Finishes what is queued, copies the write-ahead log into the database and closes the file.
    ///
    /// Reads and writes that come later throw. Closing twice is harmless.
    package func close() async {
        // First, so that the writer is the last one out, which removes the log.
        await reader.finish()
        await checkpointer.finish()
        await writer?.finish()
    }

    /// How many transactions have been committed since the file was opened.
    package var commitCount: Int { commits.laps }

    /// How long all of them took together, each from its beginning until it was committed.
    package var commitTime: Duration { commits.time }

    /// How many writes wait for the next transaction.
    package var waitingWrites: Int { writer?.waitingCount ?? 0 }
}

/// How often something was done, and how long that took in all.
private final class Stopwatch: Sendable {
    private let count = Atomic(0)
    private let nanoseconds = Atomic<Int64>(0)

    var laps: Int { count.load(ordering: .relaxed) }
    var time: Duration { .nanoseconds(nanoseconds.load(ordering: .relaxed)) }

    func add(_ time: Duration) {
        count.wrappingAdd(1, ordering: .relaxed)
        nanoseconds.wrappingAdd(Int64(time / .nanoseconds(1)), ordering: .relaxed)
    }
}

private typealias Read = @Sendable (borrowing Connection) -> Void

extension Connection {
    fileprivate borrowing func snapshot<Output>(_ body: (borrowing Connection) throws -> Output) throws -> Output {
        try run("BEGIN")
        do {
            let value = try body(self)
            try run("COMMIT")
            return value
        } catch {
            rollBack()
            throw error
        }
    }
}
