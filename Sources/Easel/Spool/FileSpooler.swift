import Files
import HTTP
import LibEvent

/// Writes one stream of bytes to one spooled file, off the loop.
actor FileSpooler: DiskActor {
    nonisolated let executor = DiskExecutor.next
    private let spool: Spool
    private let limit: Int
    private var state = State.new
    private var decoder: Base64Decoder?
    /// Whether bytes that the disk refuses are kept in memory, until ``flush()`` finds that it takes them.
    private let waitsForDisk: Bool

    private enum State {
        /// The file does not exist yet: making it waits for the disk, and so for this actor's thread.
        case new
        case writing(SpoolWriter)
        case finished
    }

    /// Prepares for a file of at most `limit` bytes; with `isBase64`, what is written is its text.
    ///
    /// What is written may wait for ``flush()`` on a disk that refuses it; before it has taken all, nothing is to follow.
    init(in spool: Spool, isBase64: Bool = false, limit: Int, waitsForDisk: Bool = false) {
        self.spool = spool
        self.limit = limit
        self.waitsForDisk = waitsForDisk
        decoder = isBase64 ? Base64Decoder() : nil
    }

    /// Takes the next bytes; gives why the disk refuses them, where they may wait.
    @discardableResult
    func write(_ bytes: [UInt8]) throws(SpoolError) -> FileError? {
        let writer = try writer()
        guard decoder != nil else {
            try writer.write(bytes.span)
            return writer.flush()
        }
        var decoded: [UInt8] = []
        do throws(Base64Error) { try decoder?.decode(bytes.span, into: &decoded) } catch {
            throw .malformed("\(error)")
        }
        try writer.write(decoded.span)
        return writer.flush()
    }

    /// Tries again to write what the disk refused; gives why it still does.
    func flush() -> FileError? {
        if case .writing(let writer) = state { writer.flush() } else { nil }
    }

    /// The file, once the last bytes have been written, too.
    func finish(after last: [UInt8] = []) throws(SpoolError) -> SpooledFile {
        if !last.isEmpty { try write(last) }
        var rest: [UInt8] = []
        do throws(Base64Error) { try decoder?.finish(into: &rest) } catch { throw .malformed("\(error)") }
        let writer = try writer()
        try writer.write(rest.span)
        state = .finished
        guard let file = writer.finish() else { throw Self.finishedTwice }
        return file
    }

    private func writer() throws(SpoolError) -> SpoolWriter {
        switch state {
        case .writing(let writer): return writer
        case .new:
            let writer = try SpoolWriter(in: spool, limit: limit, waitsForDisk: waitsForDisk)
            state = .writing(writer)
            return writer
        case .finished: throw Self.finishedTwice
        }
    }

    private static let finishedTwice = SpoolError.malformed("the file was finished twice")
}
