import Files
import HTTP
import JSON

/// Parses a JSON text as it arrives, off the loop: base64 strings go to files, everything else becomes the value.
actor JSONSpooler: DiskActor {
    nonisolated let executor = DiskExecutor.next
    private var parser: JSONParser<Base64Sink>?

    /// The most files that one text may become: each stays open while it is needed.
    static let fileLimit = 256

    /// Prepares for a text whose files may grow to `limit` bytes together, and may wait for ``flush()`` on a disk that refuses.
    init(in spool: Spool, limit: Int, strictness: JSONStrictness = .strict, waitsForDisk: Bool = false) {
        let sink = Base64Sink(spool: spool, limit: limit, waitsForDisk: waitsForDisk)
        parser = JSONParser(sink: sink, strictness: strictness)
    }

    /// Tries again to write what the disk refused; gives why it still does.
    func flush() -> FileError? { parser?.sink.flush() }

    /// Takes the next bytes of the text; gives why the disk refuses what came of them, where that may wait.
    @discardableResult
    func write(_ bytes: [UInt8]) throws(SpoolError) -> FileError? {
        do throws(JSONError) { try parser?.feed(bytes.span) } catch { throw reason(of: error) }
        return flush()
    }

    func finish() throws(SpoolError) -> (JSONValue, [SpooledFile]) {
        do throws(JSONError) {
            let value = try parser?.finish() ?? .null
            return (value, parser?.sink.finish() ?? [])
        } catch {
            throw reason(of: error)
        }
    }

    /// What went wrong: the sink's own failure says more than the parser's word for it.
    private func reason(of error: JSONError) -> SpoolError {
        parser?.sink.failure ?? .malformed("\(error)")
    }
}

/// Takes the long strings of a JSON text that are images in base64, with or without a `data:` prefix.
private struct Base64Sink: LongStringSink {
    private(set) var failure: SpoolError?
    private let spool: Spool
    /// Bytes that all files together may have.
    private let limit: Int
    /// Bytes that all files together may still grow by.
    private var allowance: Int
    private let waitsForDisk: Bool
    /// The last one is that of the string that is being read.
    private var writers: [SpoolWriter] = []
    private var decoder = Base64Decoder()
    /// Bytes that are not written yet, less than a piece.
    private var decoded: [UInt8] = []
    private var isFresh = true

    init(spool: Spool, limit: Int, waitsForDisk: Bool) {
        self.spool = spool
        self.limit = limit
        self.waitsForDisk = waitsForDisk
        allowance = limit
    }

    func flush() -> FileError? {
        for writer in writers { if let refusal = writer.flush() { return refusal } }
        return nil
    }

    /// The files of all strings, in their order, once nothing of them waits for the disk any more.
    func finish() -> [SpooledFile] { writers.compactMap { $0.finish() } }

    mutating func begin(prefix: Span<UInt8>) throws -> Bool {
        guard EncodedImage.isLikely(prefix) else { return false }
        try noted(tooManyFiles)
        decoder = Base64Decoder()
        isFresh = true
        writers.append(
            try noted(
                Result { () throws(SpoolError) in
                    try SpoolWriter(in: spool, limit: limit, left: allowance, waitsForDisk: waitsForDisk)
                }))
        return true
    }

    mutating func append(_ piece: Span<UInt8>) throws {
        // The first piece is the prefix that was looked at: a data: head in it is not part of the image.
        let start = isFresh ? EncodedImage.payloadOffset(piece) : 0
        isFresh = false
        try decoder.decode(piece.extracting(start...), into: &decoded)
        try write(decoded.count - decoded.count % Spool.pieceLength)
    }

    mutating func end() throws -> Int {
        try decoder.finish(into: &decoded)
        try write(decoded.count)
        guard let writer = writers.last else { throw SpoolError.malformed("a string ended before it began") }
        allowance -= writer.length
        return writers.count - 1
    }

    private var tooManyFiles: Result<Void, SpoolError> {
        guard writers.count < JSONSpooler.fileLimit else {
            return .failure(.malformed("it has more than \(JSONSpooler.fileLimit) images"))
        }
        return .success(())
    }

    /// Writes the first bytes: whole pieces as long as more come, for the kernel takes large parts that begin and end with
    /// its pages in half the time.
    private mutating func write(_ count: Int) throws(SpoolError) {
        guard count > 0 else { return }
        let (writer, bytes) = (writers.last, decoded)
        try noted(Result { () throws(SpoolError) in try writer?.write(bytes.span.extracting(..<count)) })
        decoded.removeFirst(count)
    }

    /// Remembers what went wrong, for the parser only passes on a description.
    private mutating func noted<Value>(_ result: Result<Value, SpoolError>) throws(SpoolError) -> Value {
        if case .failure(let error) = result { failure = error }
        return try result.get()
    }
}
