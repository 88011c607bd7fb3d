import Glibc
import SQLite

/// A folder for the files of one test.
final class Scratch: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/easel-sqlite-XXXXXX".utf8CString)
        path = unsafe template.withUnsafeMutableBufferPointer { unsafe String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit {
        for name in ["easel.db", "easel.db-wal", "easel.db-shm"] { unsafe unlink("\(path)/\(name)") }
        unsafe rmdir(path)
    }

    var database: String { "\(path)/easel.db" }

    /// Whether there is a database file.
    var hasDatabase: Bool { unsafe access(database, F_OK) == 0 }

    /// Whether there is a write-ahead log.
    var hasLog: Bool { unsafe access(database + "-wal", F_OK) == 0 }

    /// Whether this process has the database file open.
    var isDatabaseOpen: Bool {
        (0..<1_024).contains { descriptor in
            var target = [UInt8](repeating: 0, count: 4_096)
            let count = unsafe target.withUnsafeMutableBytes { bytes in
                unsafe readlink("/proc/self/fd/\(descriptor)", bytes.baseAddress!, bytes.count)
            }
            return count > 0 && String(decoding: target[..<count], as: UTF8.self) == database
        }
    }

    /// A database with a table `notes(id, text)`.
    func open(_ migrations: [Migration] = [.notes], durability: Durability = .full) throws(DatabaseError) -> Database {
        try Database(path: database, durability: durability, migrations: migrations)
    }
}

extension Migration {
    static let notes = Migration(
        "0001 add notes", sql: "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE) STRICT")
}

extension Database {
    func add(_ text: String) async throws {
        try await write { connection in
            try connection.run("INSERT INTO notes (text) VALUES (?)", [.text(text)])
        }
    }

    func notes() async throws -> [String] {
        try await read { connection in
            try connection.rows("SELECT text FROM notes ORDER BY id") { $0.text(0) }
        }
    }
}
