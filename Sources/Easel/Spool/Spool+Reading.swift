import Files
import HTTP
import JSON
import LibEvent

/// A JSON text and the files that its long strings became.
struct SpooledJSON: Sendable {
    var value: JSONValue
    /// `.external(n)` in the value is the n-th.
    var files: [SpooledFile] = []
    /// Bytes of the text.
    var length: Int
}

extension SpooledJSON {
    /// Parses a text that is here as a whole.
    ///
    /// Not inlined: the parser would take up memory for as long as its caller waits for the text.
    @inline(never)
    init(parsing text: [UInt8], _ strictness: JSONStrictness) throws(SpoolError) {
        do throws(JSONError) { value = try JSONValue(parsing: text, strictness: strictness) } catch {
            throw .malformed("\(error)")
        }
        length = text.count
    }
}

extension Spool {
    /// The longest JSON text that is parsed at once on the loop, in bytes: it takes less than the hop to a thread.
    static let inlineLength = 32 * 1024

    /// Bytes that are worth the way to another thread, where they are written.
    static let pieceLength = 128 << 10

    /// How long an answer that is paid for waits for a disk that refuses it.
    static let diskPatience = Duration.seconds(86_400)
    /// The longest pause before the disk is asked again.
    static let longestDiskPause = Duration.seconds(5)

    /// Reads a whole JSON text; the bytes that have been taken from the source already come first.
    ///
    /// One that is paid for `waitsForDisk`, where that refuses it: it is read on only when what came of it is written. A
    /// forgiving reader takes a text that is whole also where its source breaks off behind it.
    @EventLoop func receiveJSON(
        _ first: [UInt8] = [], then source: some ByteSource, limit: Int, strictness: JSONStrictness = .strict,
        waitsForDisk: Bool = false
    ) async throws -> SpooledJSON {
        var text = first
        while text.count <= Self.inlineLength {
            let bytes: [UInt8]?
            do { bytes = source.isExhausted ? nil : try await source.next() } catch {
                guard strictness == .forgiving, let json = try? SpooledJSON(parsing: text, strictness) else {
                    throw error
                }
                return json
            }
            guard let bytes else { return try SpooledJSON(parsing: text, strictness) }
            text += bytes
        }
        return try await receiveLongJSON(
            text, then: source, limit: limit, strictness: strictness, waitsForDisk: waitsForDisk)
    }

    private func receiveLongJSON(
        _ text: [UInt8], then source: some ByteSource, limit: Int, strictness: JSONStrictness, waitsForDisk: Bool
    ) async throws -> SpooledJSON {
        let spooler = JSONSpooler(in: self, limit: limit, strictness: strictness, waitsForDisk: waitsForDisk)
        var length = text.count
        guard length <= limit else { throw SpoolError.tooLarge(limit: limit) }
        var piece = text
        while true {
            if let refusal = try await spooler.write(piece) {
                try await waitForDisk(after: refusal) { await spooler.flush() }
            }
            let next: [UInt8]?
            do { next = try await source.next(atLeast: Self.pieceLength) } catch {
                guard strictness == .forgiving, let (value, files) = try? await spooler.finish() else { throw error }
                return SpooledJSON(value: value, files: files, length: length)
            }
            guard let next else { break }
            length += next.count
            guard length <= limit else { throw SpoolError.tooLarge(limit: limit) }
            piece = next
        }
        let (value, files) = try await spooler.finish()
        return SpooledJSON(value: value, files: files, length: length)
    }

    /// Waits until all that was written is on the disk, which `flush` tries.
    private func waitForDisk(after refusal: FileError, _ flush: () async -> FileError?) async throws {
        log.error("cannot store an answer, trying again", ["error": "\(refusal)"])
        let deadline = ContinuousClock.now + Self.diskPatience
        var (refusal, pause) = (refusal, Duration.milliseconds(100))
        while true {
            guard ContinuousClock.now < deadline else { throw SpoolError.disk(refusal) }
            try await EventLoop.sleep(for: pause)
            guard let again = await flush() else { return }
            refusal = again
            pause = min(pause * 2, Self.longestDiskPause)
        }
    }

    /// Reads a whole form.
    ///
    /// Not inlined, for its caller reads JSON, too, and needs no room for a form then.
    @inline(never)
    func receiveForm(_ source: some ByteSource, type: MediaType, limit: Int) async throws -> RequestValues {
        let spooler = try FormSpooler(in: self, type: type, limit: limit)
        var values = RequestValues()
        while let bytes = try await source.next(atLeast: Self.pieceLength) {
            values.bodyLength += bytes.count
            try await spooler.write(bytes)
        }
        values.entries = try await spooler.finish()
        return values
    }

    /// Writes everything a source has to one file.
    ///
    /// What is paid for `waitsForDisk`, as in ``receiveJSON(_:then:limit:strictness:waitsForDisk:)``.
    func receiveFile(
        _ first: [UInt8] = [], then source: some ByteSource, limit: Int, waitsForDisk: Bool = false
    ) async throws -> SpooledFile {
        let spooler = FileSpooler(in: self, limit: limit, waitsForDisk: waitsForDisk)
        var next = first.isEmpty ? try await source.next(atLeast: Self.pieceLength) : first
        while let bytes = next {
            if let refusal = try await spooler.write(bytes) {
                try await waitForDisk(after: refusal) { await spooler.flush() }
            }
            next = try await source.next(atLeast: Self.pieceLength)
        }
        return try await spooler.finish()
    }

    /// Decodes an image that came as text, a `data:` URI or bare base64.
    func decode(_ text: String, limit: Int) async throws(SpoolError) -> SpooledFile {
        let bytes = Array(text.utf8)
        let spooler = FileSpooler(in: self, isBase64: true, limit: limit)
        return try await spooler.finish(after: Array(bytes.dropFirst(EncodedImage.payloadOffset(bytes.span))))
    }
}
