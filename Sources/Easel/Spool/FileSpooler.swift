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
    /// Whether bytes that the disk has no room for are kept in memory, until ``flush()`` finds room for them.
    private let waitsForRoom: Bool
    /// Bytes that came before there was room even for an empty file.
    private var early: [UInt8] = []
    /// Why there was none.
    private var refusal: FileError?

    private enum State {
        /// The file does not exist yet: making it waits for the disk, and so for this actor's thread.
        case new
        case writing(SpoolWriter)
        case finished
    }

    /// Prepares for a file of at most `limit` bytes; with `isBase64`, what is written is its text.
    ///
    /// On a full disk, what is written may wait for ``flush()``; before all of it has found room, nothing is to follow.
    init(in spool: Spool, isBase64: Bool = false, limit: Int, waitsForRoom: Bool = false) {
        self.spool = spool
        self.limit = limit
        self.waitsForRoom = waitsForRoom
        decoder = isBase64 ? Base64Decoder() : nil
    }

    /// Takes the next bytes; gives why the disk refuses them, where they may wait.
    @discardableResult
    func write(_ bytes: [UInt8]) throws(SpoolError) -> FileError? {
        guard decoder != nil else {
            try put(bytes)
            return try flush()
        }
        var decoded: [UInt8] = []
        do throws(Base64Error) { try decoder?.decode(bytes.span, into: &decoded) } catch {
            throw .malformed("\(error)")
        }
        try put(decoded)
        return try flush()
    }

    /// Tries again to write what there was no room for; gives why the disk still refuses it.
    func flush() throws(SpoolError) -> FileError? {
        let bytes = early
        early = []
        if !bytes.isEmpty { try put(bytes) }
        guard early.isEmpty else { return refusal }
        if case .writing(let writer) = state { return writer.flush() }
        return nil
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

    private func put(_ bytes: [UInt8]) throws(SpoolError) {
        let writer: SpoolWriter
        do throws(SpoolError) { writer = try self.writer() } catch {
            guard waitsForRoom, case .disk(let refusal) = error, refusal.isDiskFull else { throw error }
            self.refusal = refusal
            early += bytes
            return
        }
        try writer.write(bytes.span)
    }

    private func writer() throws(SpoolError) -> SpoolWriter {
        switch state {
        case .writing(let writer): return writer
        case .new:
            let writer = try SpoolWriter(in: spool, limit: limit, waitsForRoom: waitsForRoom)
            state = .writing(writer)
            return writer
        case .finished: throw Self.finishedTwice
        }
    }

    private static let finishedTwice = SpoolError.malformed("the file was finished twice")
}
