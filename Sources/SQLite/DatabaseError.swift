/// What SQLite refused to do: its result code, its message and the statement, never the values bound to it.
package struct DatabaseError: Error, Sendable, Hashable {
    /// SQLite's extended result code.
    package var code: Int32
    package var message: String
    package var sql: String?

    package init(code: Int32, message: String, sql: String? = nil) {
        self.code = code
        self.message = message
        self.sql = sql
    }
}
