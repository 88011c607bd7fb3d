import CSQLite

/// What SQLite refused to do: its result code, its message and the statement, never the values bound to it.
package struct DatabaseError: Error, Sendable, Hashable {
    /// SQLite's extended result code (<https://www.sqlite.org/rescode.html>).
    package var code: Int32
    package var message: String
    package var sql: String?
    /// The database file.
    package var path: String?

    package init(code: Int32, message: String, sql: String? = nil, path: String? = nil) {
        self.code = code
        self.message = message
        self.sql = sql
        self.path = path
    }

    /// Another process held the lock for longer than ``Connection/busyTimeout``: the same call may succeed later.
    package var isBusy: Bool { primaryCode == SQLITE_BUSY }

    /// The disk is full.
    ///
    /// SQLite has no code of its own for that when it is the index of the write-ahead log that finds no room.
    package var isFull: Bool { primaryCode == SQLITE_FULL || code == ResultCode.ioErrorSharedMemorySize }

    /// The code without its extension.
    var primaryCode: Int32 { code & 0xFF }
}

extension DatabaseError: CustomStringConvertible {
    /// A sentence for a log or a terminal: where, what, what to do, and the statement.
    package var description: String {
        var text = path.map { "\($0): " } ?? ""
        text += "\(message) (SQLite code \(code))"
        if let advice { text += "; \(advice)" }
        if let sql { text += "; in: \(sql)" }
        return text
    }

    private var advice: String? {
        if isFull { return "the disk is full: free some space on it" }
        return switch primaryCode {
        case SQLITE_READONLY: "let the user that runs this program write to the file and to its folder"
        case SQLITE_CANTOPEN: "make sure its folder exists and that this program may write to it"
        case SQLITE_NOTADB: "the path seems to name another kind of file: check it, or move the file away"
        case SQLITE_CORRUPT: "restore it from a backup, or rescue its rows with `sqlite3 FILE .recover`"
        case SQLITE_BUSY: "another process is writing to it: try again, or see which one keeps it locked"
        case SQLITE_IOERR: "check its disk and the system's log"
        default: nil
        }
    }
}

/// Extended result codes that the header computes, which Swift cannot import.
enum ResultCode {
    static let constraintForeignKey = SQLITE_CONSTRAINT | 3 << 8
    static let abortRollback = SQLITE_ABORT | 2 << 8
    static let ioErrorSharedMemorySize = SQLITE_IOERR | 19 << 8
}

extension DatabaseError {
    static func closed(path: String) -> Self {
        Self(code: SQLITE_MISUSE, message: "the database has been closed", path: path)
    }

    static func onlyRead(path: String) -> Self {
        Self(code: SQLITE_MISUSE, message: "the database was opened to be read only", path: path)
    }
}
