/// Compiled statements at rest, so that a statement used again need not be compiled again.
///
/// Whoever takes a statement owns it until it is given back, so a statement that is in use is never handed out twice.
final class StatementCache {
    /// How many statements one connection keeps; the program has fewer.
    static let limit = 100

    private final class Entry {
        var statement: Statement?
        let lastUse: Int

        init(_ statement: consuming Statement, lastUse: Int) {
            self.statement = consume statement
            self.lastUse = lastUse
        }
    }

    private var entries: [String: Entry] = [:]
    private var uses = 0

    var count: Int { entries.count }

    func take(_ sql: String) -> Statement? {
        entries.removeValue(forKey: sql)?.statement.take()
    }

    /// Keeps a statement for later; over the limit the one that has rested longest goes.
    func give(_ statement: consuming Statement, for sql: String) {
        statement.reset()
        if entries.count >= Self.limit, entries[sql] == nil,
            let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            entries.removeValue(forKey: oldest.key)
        }
        uses &+= 1
        entries[sql] = Entry(statement, lastUse: uses)
    }

    func removeAll() { entries.removeAll() }
}
