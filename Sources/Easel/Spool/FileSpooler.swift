import Files
import HTTP
import LibEvent

/// Writes one stream of bytes to one spooled file, off the loop.
actor FileSpooler: DiskActor {
    nonisolated let executor = DiskExecutor.next
    private var writer: SpoolWriter?
    private var decoder: Base64Decoder?

    /// Prepares for a file of at most `limit` bytes; with `isBase64`, what is written is its text.
    init(in spool: Spool, isBase64: Bool = false, limit: Int) throws(SpoolError) {
        writer = try SpoolWriter(in: spool, limit: limit)
        decoder = isBase64 ? Base64Decoder() : nil
    }

    func write(_ bytes: [UInt8]) throws(SpoolError) {
        guard decoder != nil else {
            try writer?.write(bytes.span)
            return
        }
        var decoded: [UInt8] = []
        do throws(Base64Error) { try decoder?.decode(bytes.span, into: &decoded) } catch {
            throw .malformed("\(error)")
        }
        try writer?.write(decoded.span)
    }

    func finish() throws(SpoolError) -> SpooledFile {
        var rest: [UInt8] = []
        do throws(Base64Error) { try decoder?.finish(into: &rest) } catch { throw .malformed("\(error)") }
        try writer?.write(rest.span)
        guard let file = writer?.finish() else { throw .malformed("the file was finished twice") }
        return file
    }
}
