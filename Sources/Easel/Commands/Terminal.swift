import Files

/// Where a command writes: results to standard output, everything about them to standard error; and where it reads.
struct Terminal: Sendable {
    private let write: @Sendable (String) -> Void
    private let writeError: @Sendable (String) -> Void
    /// The next line of standard input, without its end; waits for it.
    let readLine: @Sendable () -> String?

    /// The process's own, but for tests.
    init(
        write: @escaping @Sendable (String) -> Void = { Swift.print($0, terminator: "") },
        writeError: @escaping @Sendable (String) -> Void = { StandardError.write($0) },
        readLine: @escaping @Sendable () -> String? = { Swift.readLine() }
    ) {
        self.write = write
        self.writeError = writeError
        self.readLine = readLine
    }

    /// Writes a result and ends the line.
    func print(_ text: String, terminator: String = "\n") { write(text + terminator) }

    /// Writes something for people that is no part of the result, and ends the line.
    func remark(_ text: String) { writeError(text + "\n") }
}
