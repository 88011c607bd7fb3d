import Files

/// Where a command writes: results to standard output, everything about them to standard error.
struct Terminal: Sendable {
    private let write: @Sendable (String) -> Void
    private let writeError: @Sendable (String) -> Void

    /// The process's own, but for tests.
    init(
        write: @escaping @Sendable (String) -> Void = { Swift.print($0, terminator: "") },
        writeError: @escaping @Sendable (String) -> Void = { StandardError.write($0) }
    ) {
        self.write = write
        self.writeError = writeError
    }

    /// Writes a result and ends the line.
    func print(_ text: String, terminator: String = "\n") { write(text + terminator) }

    /// Writes something for people that is no part of the result, and ends the line.
    func remark(_ text: String) { writeError(text + "\n") }
}
