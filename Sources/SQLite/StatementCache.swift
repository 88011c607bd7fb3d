/// Compiled statements at rest, so that a statement used again need not be compiled again.
///
/// Whoever takes a statement owns it until it is given back, so a statement that is in use is never handed out twice.
final class StatementCache {
    /// How many statements one connection keeps; the program has fewer.
    static let limit = 100

    /// A statement's text.
    private struct Key: Hashable {
        let sql: String

        /// Hashes next to nothing: texts are long, and few of them have the same length and end.
        ///
        /// Comparing them is cheap, for one that is used again is nearly always the very same string in memory.
        func hash(into hasher: inout Hasher) {
            hasher.combine(sql.utf8.count)
            hasher.combine(sql.utf8.last)
        }
    }

    private final class Entry {
        /// `nil` while it is in use.
        var statement: Statement?
        var lastUse = 0
    }

    private var entries: [Key: Entry] = [:]
    private var uses = 0

    func take(_ sql: String) -> Statement? { entries[Key(sql: sql)]?.statement.take() }

    /// Keeps a statement for later; over the limit the one that has rested longest goes.
    func give(_ statement: consuming Statement, for sql: String) {
        statement.reset()
        let entry = entries[Key(sql: sql)] ?? add(sql)
        entry.statement = consume statement
        uses &+= 1
        entry.lastUse = uses
    }

    func removeAll() { entries.removeAll() }

    private func add(_ sql: String) -> Entry {
        if entries.count >= Self.limit, let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse }) {
            entries.removeValue(forKey: oldest.key)
        }
        let entry = Entry()
        entries[Key(sql: sql)] = entry
        return entry
    }
}
