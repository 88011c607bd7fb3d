import CSQLite

/// Owns a `sqlite3_stmt *`: one compiled statement of one connection.
@safe
struct Statement: ~Copyable {
    private let handle: OpaquePointer

    /// Compiles the statement of a script that begins at `offset`, which moves on to the next one.
    ///
    /// `nil` if there is nothing but space and comments. The corresponding C function is `sqlite3_prepare_v3`.
    init?(
        compiling script: [UInt8], from offset: inout Int, isKept: Bool, on database: OpaquePointer
    ) throws(DatabaseError) {
        var handle: OpaquePointer?
        let start = offset
        let flags = isKept ? CUnsignedInt(SQLITE_PREPARE_PERSISTENT) : 0
        let (code, end) = unsafe script.withUnsafeBytes { bytes -> (CInt, Int) in
            guard let base = bytes.baseAddress else { return (SQLITE_OK, 0) }
            let text = unsafe base.advanced(by: start).assumingMemoryBound(to: CChar.self)
            var rest: UnsafePointer<CChar>?
            let length = CInt(clamping: bytes.count - start)
            let code = unsafe sqlite3_prepare_v3(database, text, length, flags, &handle, &rest)
            return unsafe (code, rest.map { unsafe start + ($0 - text) } ?? bytes.count)
        }
        guard code == SQLITE_OK else {
            let sql = String(decoding: script[start...], as: UTF8.self)
            throw unsafe DatabaseError(code: code, of: database, sql: sql)
        }
        offset = end
        guard let handle = unsafe handle else { return nil }
        unsafe self.handle = handle
    }

    deinit { unsafe sqlite3_finalize(handle) }

    /// Gives the parameters `?1`, `?2`, … their values.
    func bind(_ values: [Value]) throws(DatabaseError) {
        let expected = unsafe Int(sqlite3_bind_parameter_count(handle))
        guard values.count == expected else {
            throw error(SQLITE_RANGE, "the statement has \(expected) parameters, \(values.count) values were given")
        }
        for (position, value) in zip(CInt(1)..., values) {
            let code = bind(value, at: position)
            guard code == SQLITE_OK else { throw error(code) }
        }
    }

    /// Runs up to the next row; false when there are no more.
    func step() throws(DatabaseError) -> Bool {
        switch unsafe sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code: throw error(code)
        }
    }

    /// Makes the statement as good as new, and lets go of the values bound to it.
    func reset() {
        unsafe sqlite3_reset(handle)
        unsafe sqlite3_clear_bindings(handle)
    }

    /// The row that ``step()`` arrived at.
    var row: Row { unsafe Row(statement: handle) }

    private func bind(_ value: Value, at position: CInt) -> CInt {
        switch value {
        case .null: return unsafe sqlite3_bind_null(handle, position)
        case .integer(let value): return unsafe sqlite3_bind_int64(handle, position, sqlite3_int64(value))
        case .real(let value): return unsafe sqlite3_bind_double(handle, position, value)
        case .text(var value):
            return value.withUTF8 { bytes in
                // Without an address SQLite would bind NULL.
                guard let base = bytes.baseAddress else { return unsafe easel_bind_text(handle, position, "", 0) }
                return unsafe easel_bind_text(handle, position, base, sqlite3_uint64(bytes.count))
            }
        case .blob(let value):
            guard !value.isEmpty else { return unsafe sqlite3_bind_zeroblob(handle, position, 0) }
            return unsafe value.withUnsafeBytes { bytes in
                unsafe easel_bind_blob(handle, position, bytes.baseAddress, sqlite3_uint64(bytes.count))
            }
        }
    }

    private func error(_ code: CInt, _ message: String? = nil) -> DatabaseError {
        let sql = unsafe sqlite3_sql(handle).map { unsafe String(cString: $0) }
        return unsafe DatabaseError(code: code, of: sqlite3_db_handle(handle), sql: sql, message: message)
    }
}

/// The row a query has arrived at; its columns count from 0.
///
/// A reader converts as SQLite does: `NULL` reads as 0, `""` or no bytes, which is why there is an optional reader for
/// columns that may be `NULL`. A column that the query does not have is a mistake in the program and stops it.
@safe
package struct Row: ~Copyable {
    private let statement: OpaquePointer

    fileprivate init(statement: OpaquePointer) { unsafe self.statement = statement }

    package func integer(_ column: Int) -> Int { unsafe Int(sqlite3_column_int64(statement, checked(column))) }

    package func real(_ column: Int) -> Double { unsafe sqlite3_column_double(statement, checked(column)) }

    package func text(_ column: Int) -> String { String(decoding: blob(column), as: UTF8.self) }

    /// The bytes of a blob, or of a text in UTF-8.
    package func blob(_ column: Int) -> [UInt8] {
        // Asking for the address first converts the value, so that the count is that of the converted bytes.
        guard let bytes = unsafe sqlite3_column_blob(statement, checked(column)) else { return [] }
        let count = unsafe Int(sqlite3_column_bytes(statement, checked(column)))
        return unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
    }

    package func optionalInteger(_ column: Int) -> Int? { isNull(column) ? nil : integer(column) }
    package func optionalReal(_ column: Int) -> Double? { isNull(column) ? nil : real(column) }
    package func optionalText(_ column: Int) -> String? { isNull(column) ? nil : text(column) }
    package func optionalBlob(_ column: Int) -> [UInt8]? { isNull(column) ? nil : blob(column) }

    package func isNull(_ column: Int) -> Bool {
        unsafe sqlite3_column_type(statement, checked(column)) == SQLITE_NULL
    }

    /// The value in whichever storage class it has.
    package func value(_ column: Int) -> Value {
        switch unsafe sqlite3_column_type(statement, checked(column)) {
        case SQLITE_INTEGER: .integer(integer(column))
        case SQLITE_FLOAT: .real(real(column))
        case SQLITE_TEXT: .text(text(column))
        case SQLITE_BLOB: .blob(blob(column))
        default: .null
        }
    }

    private func checked(_ column: Int) -> CInt {
        let count = unsafe sqlite3_column_count(statement)
        precondition(column >= 0 && column < Int(count), "the query has no column \(column)")
        return CInt(column)
    }
}
