@testable import SQLite
import Testing

struct ConnectionTests {
    let scratch = Scratch()

    private func connection() throws -> Connection {
        let connection = try Connection.open(scratch.database, for: .readWrite(.relaxed))
        try connection.script("CREATE TABLE things (id INTEGER PRIMARY KEY, value ANY) STRICT")
        return connection
    }

    @Test(arguments: [
        Value.null, 0, 1, -1, .integer(.max), .integer(.min), 1.5, .real(-.infinity), true, "", "text", "naïve 图像 🖼",
        "before\u{0}after", .blob([]), .blob([0, 255, 0]),
    ])
    func `a value comes back as it went in`(value: Value) throws {
        let connection = try connection()
        try connection.run("INSERT INTO things (value) VALUES (?)", [value])
        #expect(try connection.row("SELECT value FROM things") { $0.value(0) } == value)
    }

    @Test func `a long value comes back as it went in`() throws {
        let connection = try connection()
        let value = Value.blob(.init(repeating: 7, count: 1 << 20))
        try connection.run("INSERT INTO things (value) VALUES (?)", [value])
        #expect(try connection.row("SELECT value FROM things") { $0.value(0) == value } == true)
    }

    @Test func `SQLite has no not-a-number, and reads it as nothing`() throws {
        let connection = try connection()
        #expect(try connection.row("SELECT ?", [.real(.nan)]) { $0.value(0) } == .null)
    }

    @Test func `typed readers tell nothing from zero`() throws {
        let connection = try connection()
        let isRead = try connection.row("SELECT 42, 1.5, 'text', x'0102', NULL") { row in
            row.integer(0) == 42 && row.real(1) == 1.5 && row.text(2) == "text" && row.blob(3) == [1, 2]
                && row.optionalInteger(0) == 42 && row.optionalReal(1) == 1.5 && row.optionalText(2) == "text"
                && row.optionalBlob(3) == [1, 2] && row.isNull(4) && row.optionalInteger(4) == nil
                && row.optionalReal(4) == nil && row.optionalText(4) == nil && row.optionalBlob(4) == nil
                && row.integer(4) == 0 && row.text(4) == "" && row.blob(4) == []
        }
        #expect(isRead == true)
    }

    @Test func `an absent value is bound as NULL`() {
        #expect(
            [Value(nil as String?), Value(nil as Int?), Value(nil as Double?), Value(nil as [UInt8]?)] == [
                nil, nil, nil, nil,
            ])
        #expect([Value("a" as String?), Value(1 as Int?)] == ["a", 1])
    }

    @Test func `changing rows tells how many`() throws {
        let connection = try connection()
        #expect(try connection.run("INSERT INTO things (value) VALUES (1), (2), (3)") == 3)
        #expect(try connection.run("UPDATE things SET value = 0 WHERE value > ?", [1]) == 2)
        #expect(try connection.run("DELETE FROM things WHERE value = 99") == 0)
    }

    @Test func `a query inside a query over the same statement works`() throws {
        let connection = try connection()
        try connection.run("INSERT INTO things (value) VALUES (1), (2)")
        let sql = "SELECT value FROM things ORDER BY id"
        let pairs = try connection.rows(sql) { outer in
            let outer = outer.integer(0)
            return try connection.rows(sql) { $0.integer(0) + outer * 10 }
        }
        #expect(pairs == [[11, 12], [21, 22]])
    }

    @Test func `a table may be changed under a statement that is kept`() throws {
        let connection = try connection()
        #expect(try connection.row("SELECT * FROM things") { $0.integer(0) } == nil)
        try connection.script("DROP TABLE things; CREATE TABLE things (only TEXT)")
        try connection.run("INSERT INTO things VALUES ('new')")
        #expect(try connection.row("SELECT * FROM things") { $0.text(0) } == "new")
    }

    @Test func `no more statements are kept than the limit`() throws {
        let connection = try connection()
        for number in 0...(StatementCache.limit * 2) {
            #expect(try connection.row("SELECT \(number)") { $0.integer(0) } == number)
        }
        // SQLite lists all that are compiled, this one included (https://www.sqlite.org/stmt.html).
        let count = try connection.row("SELECT count(*) FROM sqlite_stmt") { $0.integer(0) }
        #expect(count == StatementCache.limit + 1)
    }

    @Test(
        arguments: [
            ("SELEC 1", [], #"near "SELEC": syntax error"#),
            ("SELECT missing FROM things", [], "no such column: missing"),
            (#"SELECT "missing""#, [], "no such column: missing"),
            ("SELECT ?", [], "the statement has 1 parameters, 0 values were given"),
            ("SELECT 1", [7], "the statement has 0 parameters, 1 values were given"),
            ("SELECT 1; SELECT 2", [], "more than one statement: use script(_:)"),
            ("  -- nothing", [], "there is no statement"),
            ("", [], "there is no statement"),
        ] as [(String, [Value], String)])
    func `a statement that makes no sense is refused`(sql: String, values: [Value], message: String) throws {
        let connection = try connection()
        var caught: DatabaseError?
        do throws(DatabaseError) { try connection.run(sql, values) } catch { caught = error }
        #expect(caught?.message == message)
        #expect(caught?.path == scratch.database)
    }

    @Test func `an error names the statement but never a value`() throws {
        let connection = try connection()
        let sql = "INSERT INTO things (id, value) VALUES (1, ?)"
        try connection.run(sql, ["a secret"])
        var caught: DatabaseError?
        do throws(DatabaseError) { try connection.run(sql, ["a secret"]) } catch { caught = error }
        let error = try #require(caught)
        #expect(
            error.description == """
                \(scratch.database): UNIQUE constraint failed: things.id (SQLite code 1555); in: \(sql)
                """)
    }

    @Test func `an error inside a script names the statement that failed`() throws {
        let connection = try connection()
        var caught: DatabaseError?
        do throws(DatabaseError) {
            try connection.script(
                """
                -- a comment; with a semicolon
                INSERT INTO things VALUES (1, 'a');
                INSERT INTO things VALUES (1, 'b');
                INSERT INTO things VALUES (2, 'c');
                -- the end
                """)
        } catch { caught = error }
        #expect(caught?.sql == "INSERT INTO things VALUES (1, 'b');")
        #expect(try connection.rows("SELECT value FROM things") { $0.text(0) } == ["a"])
    }
}
