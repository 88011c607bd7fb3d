import CSQLite

/// One step in the history of a schema.
///
/// The history only ever grows at its end: a step that has been released is never edited, renamed, moved or removed.
package struct Migration: Sendable {
    /// Unique in the history, such as `0003 add budgets`.
    package let name: String
    /// Whether no row can lose what it refers to, so that nobody need look: at ten million jobs that takes minutes, and
    /// nothing is served meanwhile.
    let keepsReferences: Bool
    let apply: @Sendable (borrowing Connection) throws -> Void

    /// A step in Swift, for what SQL cannot say.
    ///
    /// It runs in a transaction, as every step does; foreign keys are only checked at its end, unless it says that it
    /// `keepsReferences`: it makes no rows, removes none, and changes no key.
    package init(
        _ name: String, keepsReferences: Bool = false, apply: @escaping @Sendable (borrowing Connection) throws -> Void
    ) {
        self.name = name
        self.keepsReferences = keepsReferences
        self.apply = apply
    }

    /// A step in SQL: statements separated by semicolons.
    package init(_ name: String, keepsReferences: Bool = false, sql: String) {
        self.init(name, keepsReferences: keepsReferences) { connection in try connection.script(sql) }
    }
}

extension Connection {
    /// Brings the schema up to date: runs those of the migrations that the database does not have yet.
    ///
    /// Each has a transaction of its own, which begins by taking the write lock and reading what is recorded; so two
    /// processes that start at once share the work instead of doing it twice. `upgrading` hears of each before it runs,
    /// unless the database is new.
    ///
    /// - Throws: Whatever a step fails with, or a refusal when what the table `migrations` records is not the
    ///   beginning of `history`: the file was made by a newer Easel, or the history was tampered with.
    borrowing func migrate(
        _ history: [Migration], upgrading: (_ migration: String) -> Void = { _ in }
    ) throws(DatabaseError) {
        precondition(Set(history.map(\.name)).count == history.count, "two migrations have the same name")
        // Rebuilding a table drops it, which would delete what refers to it (https://www.sqlite.org/lang_altertable.html).
        try run("PRAGMA foreign_keys = OFF")
        let isNew = try texts("SELECT name FROM sqlite_schema WHERE name = 'migrations'").isEmpty
        while try applyNext(of: history, announcing: { if !isNew { upgrading($0) } }) {}
        try run("PRAGMA foreign_keys = ON")
    }

    /// Insists that the database has every one of the migrations, and no other.
    borrowing func checkIsUpToDate(with history: [Migration]) throws(DatabaseError) {
        if let missing = try pendingMigrations(of: history).first {
            throw error(
                SQLITE_SCHEMA,
                "it is not up to date, without the migration “\(missing.name)”, and was opened only to be read")
        }
    }

    /// The migrations that the database does not have yet: all of them when it is new.
    borrowing func pendingMigrations(of history: [Migration]) throws(DatabaseError) -> ArraySlice<Migration> {
        let isNew = try texts("SELECT name FROM sqlite_schema WHERE name = 'migrations'").isEmpty
        let recorded = isNew ? [] : try texts(Self.selectMigrations)
        try check(recorded, against: history.map(\.name))
        return history.dropFirst(recorded.count)
    }

    /// Applies the first migration that is not recorded; false if there is none.
    private borrowing func applyNext(
        of history: [Migration], announcing: (_ migration: String) -> Void
    ) throws(DatabaseError) -> Bool {
        try run("BEGIN IMMEDIATE")
        do throws(DatabaseError) {
            let recorded = try recordedMigrations()
            try check(recorded, against: history.map(\.name))
            guard recorded.count < history.count else {
                try run("COMMIT")
                return false
            }
            announcing(history[recorded.count].name)
            try apply(history[recorded.count], at: recorded.count + 1)
            try run("COMMIT")
            return true
        } catch {
            rollBack()
            throw error
        }
    }

    private borrowing func recordedMigrations() throws(DatabaseError) -> [String] {
        try run(
            """
            CREATE TABLE IF NOT EXISTS migrations (
                position INTEGER PRIMARY KEY,
                name TEXT NOT NULL UNIQUE,
                applied_at INTEGER NOT NULL DEFAULT (unixepoch())
            ) STRICT
            """)
        return try texts(Self.selectMigrations)
    }

    private static let selectMigrations = "SELECT name FROM migrations ORDER BY position"

    private func check(_ recorded: [String], against history: [String]) throws(DatabaseError) {
        let unknown = recorded.filter { !history.contains($0) }
        guard unknown.isEmpty else {
            let names = unknown.map { "“\($0)”" }.joined(separator: ", ")
            throw error(
                SQLITE_SCHEMA,
                "it has been changed by migrations this program does not know, \(names): run the newer version that "
                    + "made them, or restore a backup from before")
        }
        for (position, (old, new)) in zip(recorded, history).enumerated() where old != new {
            throw error(
                SQLITE_SCHEMA,
                "its migration \(position + 1) is “\(old)”, but this program has “\(new)” in that place: migrations may "
                    + "only be added at the end")
        }
    }

    private borrowing func apply(_ migration: Migration, at position: Int) throws(DatabaseError) {
        do {
            try migration.apply(self)
        } catch let error as DatabaseError {
            throw error
        } catch {
            throw self.error(SQLITE_ERROR, "migration “\(migration.name)” failed: \(error)")
        }
        if !migration.keepsReferences, let table = try texts("PRAGMA foreign_key_check").first {
            throw error(
                ResultCode.constraintForeignKey,
                "migration “\(migration.name)” leaves rows of \(table) that refer to nothing")
        }
        try run("INSERT INTO migrations (position, name) VALUES (?, ?)", [.integer(position), .text(migration.name)])
    }
}
