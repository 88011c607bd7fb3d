import CSQLite
import Glibc

/// Owns a `sqlite3 *`: what a body given to ``Database/write(_:)`` or ``Database/read(_:)`` works with.
///
/// It cannot be copied, and so cannot be kept: the transaction ends when the body does. SQLite's own locks are off,
/// for a connection never leaves its thread.
@safe
package struct Connection: ~Copyable {
    /// How long to wait for another process's lock.
    package static let busyTimeout = Duration.seconds(5)
    /// After a burst the write-ahead log shrinks to this many bytes again: a file that need not grow is written faster.
    static let journalSizeLimit = 64 << 20
    /// KiB of pages that a connection keeps in memory; the system's own cache holds the rest.
    static let cacheKibibytes = 2_048

    enum Access {
        case readOnly
        case readWrite(Durability)
    }

    private let handle: OpaquePointer
    private let statements = StatementCache()
    let log = WriteAheadLog()

    static func open(_ path: String, for access: Access) throws(DatabaseError) -> Connection {
        let connection = unsafe Connection(owning: try openHandle(path, access))
        try connection.configure(access)
        return connection
    }

    private init(owning handle: OpaquePointer) { unsafe self.handle = handle }

    deinit {
        statements.removeAll()
        unsafe sqlite3_close_v2(handle)
    }

    /// Runs one statement to its end; for `INSERT`, `UPDATE` and `DELETE`, gives the number of rows it changed.
    @discardableResult
    package borrowing func run(_ sql: String, _ values: [Value] = []) throws(DatabaseError) -> Int {
        let statement = try statement(sql)
        try statement.bind(values)
        while try statement.step() {}
        statements.give(statement, for: sql)
        return unsafe Int(sqlite3_changes64(handle))
    }

    /// What `read` makes of every row of a query, in order.
    package borrowing func rows<Element>(
        _ sql: String, _ values: [Value] = [], _ read: (borrowing Row) throws -> Element
    ) throws -> [Element] {
        try withStatement(sql, values) { statement in
            var elements: [Element] = []
            while try statement.step() { elements.append(try read(statement.row)) }
            return elements
        }
    }

    /// What `read` makes of the first row of a query; `nil` if there is none.
    package borrowing func row<Element>(
        _ sql: String, _ values: [Value] = [], _ read: (borrowing Row) throws -> Element
    ) throws -> Element? {
        try withStatement(sql, values) { statement in
            try statement.step() ? try read(statement.row) : nil
        }
    }

    /// Runs statements separated by semicolons, such as a schema.
    package borrowing func script(_ sql: String) throws(DatabaseError) {
        let bytes = Array(sql.utf8)
        var offset = 0
        while offset < bytes.count {
            guard let statement = try unsafe Statement(compiling: bytes, from: &offset, isKept: false, on: handle)
            else { continue }  // a comment
            while try statement.step() {}
        }
    }

    /// The first column of every row of a query.
    borrowing func texts(_ sql: String) throws(DatabaseError) -> [String] {
        let statement = try statement(sql)
        try statement.bind([])
        var texts: [String] = []
        while try statement.step() { texts.append(statement.row.text(0)) }
        statements.give(statement, for: sql)
        return texts
    }

    /// Has the write-ahead log copied into the database by another thread from now on, instead of by commits.
    ///
    /// The corresponding C function is `sqlite3_wal_hook`.
    borrowing func followLog() {
        unsafe sqlite3_wal_hook(
            handle,
            { log, _, _, pages in
                if let log = unsafe log {
                    unsafe Unmanaged<WriteAheadLog>.fromOpaque(log).takeUnretainedValue().committed(pages: Int(pages))
                }
                return SQLITE_OK
            }, Unmanaged.passUnretained(log).toOpaque())
    }

    /// Copies what it can of the write-ahead log into the database without waiting for anybody.
    ///
    /// The corresponding C function is `sqlite3_wal_checkpoint_v2`.
    ///
    /// - Returns: How many pages of the log are copied now; `nil` if SQLite refused, which leaves them where they are.
    @discardableResult
    borrowing func checkpoint() -> Int? {
        var copied: CInt = 0
        let code = unsafe sqlite3_wal_checkpoint_v2(handle, "main", SQLITE_CHECKPOINT_PASSIVE, nil, &copied)
        return code == SQLITE_OK ? Int(copied) : nil
    }

    /// Whether a transaction is open.
    ///
    /// SQLite may end one by itself, when the disk is full for instance.
    var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

    /// Whether rows refer to rows that do not exist yet, which would make `COMMIT` fail.
    var hasUnresolvedForeignKeys: Bool {
        var current: CInt = 0
        var highest: CInt = 0
        unsafe sqlite3_db_status(handle, SQLITE_DBSTATUS_DEFERRED_FKS, &current, &highest, 0)
        return current != 0
    }

    func error(_ code: CInt, _ message: String) -> DatabaseError {
        unsafe DatabaseError(code: code, of: handle, sql: nil, message: message)
    }

    /// Keeps SQLite from counting the memory it uses, for which every allocation of every thread takes one mutex.
    ///
    /// It has to come before everything else (<https://www.sqlite.org/compile.html#default_memstatus>); refused,
    /// SQLite only goes on counting.
    private static let countsNoMemory = easel_count_no_memory() == SQLITE_OK

    private static func openHandle(_ path: String, _ access: Access) throws(DatabaseError) -> OpaquePointer {
        let flags =
            switch access {
            case .readOnly: SQLITE_OPEN_READONLY
            case .readWrite: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            }
        _ = countsNoMemory
        var handle: OpaquePointer?
        let code = unsafe sqlite3_open_v2(path, &handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nil)
        if code == SQLITE_OK, let handle = unsafe handle { return unsafe handle }

        defer { unsafe sqlite3_close_v2(handle) }  // a failed open allocates too
        var message = unsafe String(cString: sqlite3_errmsg(handle))
        let cause = unsafe sqlite3_system_errno(handle)
        if cause != 0 { message += unsafe ": \(String(cString: strerror(cause)))" }
        throw DatabaseError(code: code, message: message, path: path)
    }

    /// Takes a statement from the cache or compiles it; one that fails is not kept.
    private borrowing func withStatement<Result>(
        _ sql: String, _ values: [Value], _ body: (borrowing Statement) throws -> Result
    ) throws -> Result {
        let statement = try statement(sql)
        try statement.bind(values)
        let result = try body(statement)
        statements.give(statement, for: sql)
        return result
    }

    private borrowing func statement(_ sql: String) throws(DatabaseError) -> Statement {
        if let statement = statements.take(sql) { return statement }
        let bytes = Array(sql.utf8)
        var offset = 0
        guard let statement = try unsafe Statement(compiling: bytes, from: &offset, isKept: true, on: handle) else {
            throw unsafe DatabaseError(code: SQLITE_MISUSE, of: handle, sql: sql, message: "there is no statement")
        }
        // SQLite would silently skip the rest.
        guard bytes[offset...].allSatisfy({ $0 == 0x20 || (0x09...0x0D).contains($0) }) else {
            throw unsafe DatabaseError(
                code: SQLITE_MISUSE, of: handle, sql: sql, message: "more than one statement: use script(_:)")
        }
        return statement
    }

    private borrowing func configure(_ access: Access) throws(DatabaseError) {
        unsafe sqlite3_busy_timeout(handle, CInt(Self.busyTimeout / .milliseconds(1)))
        // A misspelt column in double quotes is an error, not a string.
        unsafe easel_db_config(handle, SQLITE_DBCONFIG_DQS_DML, 0)
        unsafe easel_db_config(handle, SQLITE_DBCONFIG_DQS_DDL, 0)
        try script("PRAGMA temp_store = MEMORY; PRAGMA cache_size = -\(Self.cacheKibibytes)")
        guard case .readWrite(let durability) = access else { return }

        // SQLite opens a file that it may not write to for reading only, without a word.
        guard unsafe sqlite3_db_readonly(handle, "main") == 0 else {
            throw error(SQLITE_READONLY, "the file may only be read")
        }
        try useWriteAheadLog()
        try script(
            """
            PRAGMA synchronous = \(durability == .full ? "FULL" : "NORMAL");
            PRAGMA journal_size_limit = \(Self.journalSizeLimit);
            PRAGMA foreign_keys = ON
            """)
    }

    /// Switches the file to write-ahead logging, so that readers and the writer do not wait for each other.
    ///
    /// The switch takes a lock that SQLite does not wait for, so two processes that open a new file at once would
    /// fail here without the repetition.
    private borrowing func useWriteAheadLog() throws(DatabaseError) {
        let deadline = ContinuousClock.now + Self.busyTimeout
        while true {
            do throws(DatabaseError) {
                guard try texts("PRAGMA journal_mode = WAL") == ["wal"] else {
                    throw error(SQLITE_CANTOPEN, "its file system cannot hold a write-ahead log")
                }
                return
            } catch {
                guard error.isBusy, ContinuousClock.now < deadline else { throw error }
                usleep(10_000)
            }
        }
    }
}

extension DatabaseError {
    /// The error a call on this connection has just returned.
    @unsafe init(code: CInt, of database: OpaquePointer?, sql: String?, message: String? = nil) {
        let path = unsafe sqlite3_db_filename(database, "main").map { unsafe String(cString: $0) }
        let message = unsafe message ?? String(cString: sqlite3_errmsg(database))
        let sql = sql.map { String($0.drop(while: \.isWhitespace)) }
        self.init(code: code, message: message, sql: sql, path: path)
    }
}
