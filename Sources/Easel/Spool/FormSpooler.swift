import Files
import HTTP

/// Takes a `multipart/form-data` body apart as it arrives, off the loop: files go to disk, texts stay in memory.
actor FormSpooler: DiskActor {
    nonisolated let executor = DiskExecutor.next
    private let spool: Spool
    private var parser: MultipartParser
    /// Bytes that all files together may have.
    private let limit: Int
    /// Bytes that all files together may still grow by.
    private var allowance: Int
    /// Bytes that all texts together may still grow by.
    private var textAllowance = FormSpooler.textLimit
    private var entries: [(name: String, value: RequestValues.Value)] = []
    private var name = ""
    private var text: [UInt8] = []
    private var writer: SpoolWriter?

    /// The most bytes that all texts of a form may have together: the longest prompt in the widest characters, eightfold.
    static let textLimit = 1 << 20

    /// Prepares for a form whose files may grow to `limit` bytes together.
    init(in spool: Spool, type: MediaType, limit: Int) throws(SpoolError) {
        self.spool = spool
        do throws(MultipartError) { parser = try MultipartParser(type) } catch { throw .malformed("\(error)") }
        self.limit = limit
        allowance = limit
    }

    func write(_ bytes: [UInt8]) throws(SpoolError) {
        let events: [MultipartEvent]
        do throws(MultipartError) { events = try parser.feed(bytes[...]) } catch { throw .malformed("\(error)") }
        for event in events { try take(event) }
    }

    /// The form's values in the order of its parts.
    func finish() throws(SpoolError) -> [(name: String, value: RequestValues.Value)] {
        do throws(MultipartError) { try parser.finish() } catch { throw .malformed("\(error)") }
        return entries
    }

    private func take(_ event: MultipartEvent) throws(SpoolError) {
        switch event {
        case .part(let part):
            name = part.name
            text = []
            writer = part.isFile ? try SpoolWriter(in: spool, limit: limit, left: allowance) : nil
        case .data(let bytes):
            if let writer {
                try writer.write(bytes.span)
            } else {
                guard bytes.count <= textAllowance else { throw .tooLarge(limit: Self.textLimit) }
                textAllowance -= bytes.count
                text += bytes
            }
        case .endOfPart:
            if let file = writer?.finish() {
                allowance -= file.length
                entries.append((name, .file(file)))
            } else {
                entries.append((name, .text(String(decoding: text, as: UTF8.self))))
            }
            writer = nil
        case .end: break
        }
    }
}
