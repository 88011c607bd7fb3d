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

    private enum State {
        /// The file does not exist yet: making it waits for the disk, and so for this actor's thread.
        case new
        case writing(SpoolWriter)
        case finished
    }

    /// Prepares for a file of at most `limit` bytes; with `isBase64`, what is written is its text.
    init(in spool: Spool, isBase64: Bool = false, limit: Int) {
        self.spool = spool
        self.limit = limit
        decoder = isBase64 ? Base64Decoder() : nil
    }

    func write(_ bytes: [UInt8]) throws(SpoolError) {
        guard decoder != nil else {
            try writer().write(bytes.span)
            return
        }
        var decoded: [UInt8] = []
        do throws(Base64Error) { try decoder?.decode(bytes.span, into: &decoded) } catch {
            throw .malformed("\(error)")
        }
        try writer().write(decoded.span)
    }

    func finish() throws(SpoolError) -> SpooledFile {
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
            let writer = try SpoolWriter(in: spool, limit: limit)
            state = .writing(writer)
            return writer
        case .finished: throw Self.finishedTwice
        }
    }

    private static let finishedTwice = SpoolError.malformed("the file was finished twice")
}
