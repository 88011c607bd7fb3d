import Crypto
import Files
import Imaging
import LibEvent

/// A file of bytes that came from outside, deleted when nobody needs it any more.
///
/// Its digest and its image header were read as the bytes went by, so the file need not be read again for them.
final class SpooledFile: Sendable {
    let file: TemporaryFile
    let digest: Digest
    /// `nil` when the bytes do not begin as an image's do.
    let header: ImageHeader?
    /// Whether the bytes end as those of such an image do.
    let isComplete: Bool

    init(_ file: TemporaryFile, digest: Digest, header: ImageHeader?, isComplete: Bool) {
        self.file = file
        self.digest = digest
        self.header = header
        self.isComplete = isComplete
    }

    /// Bytes.
    var length: Int { file.length }

    /// The file as an image; `nil` when its bytes do not begin as those of an image of known size.
    var image: ImageFile? {
        guard let header, let size = header.size else { return nil }
        return ImageFile(
            path: file.path, length: length, mediaType: header.format.mediaType, width: size.width, height: size.height)
    }
}

/// Writes a spooled file, hashing it and reading its image header on the way.
final class SpoolWriter {
    private let spool: Spool
    /// `nil` as long as the disk refuses one.
    private var file: TemporaryFile?
    private var hash: SHA256? = SHA256()
    private var probe = ImageProbe()
    /// The last bytes, by which an image that was cut short is known.
    private var tail: [UInt8] = []
    /// The most it may grow to, in bytes.
    private let allowance: Int
    /// What is told to be the limit, in bytes.
    private let limit: Int
    /// Whether bytes that the disk refuses are kept in memory, until ``flush()`` finds that it takes them.
    private let waitsForDisk: Bool
    private var backlog: [UInt8] = []

    /// Prepares for a file of at most `limit` bytes, or of what other files have left of them.
    init(
        in spool: Spool, limit: Int, left allowance: Int? = nil, waitsForDisk: Bool = false
    ) throws(SpoolError) {
        self.spool = spool
        self.limit = limit
        self.allowance = allowance ?? limit
        self.waitsForDisk = waitsForDisk
        do throws(FileError) { _ = try openFile() } catch {
            guard waitsForDisk else { throw spool.refusal(error) }
        }
    }

    /// Adds bytes.
    ///
    /// - Throws: ``SpoolError``, when there are more than the limit allows or the disk refuses them.
    func write(_ bytes: Span<UInt8>) throws(SpoolError) {
        guard bytes.count <= allowance - length else { throw .tooLarge(limit: limit) }
        try append(bytes)
        hash?.update(bytes)
        _ = probe.feed(bytes)
        keepTail(of: bytes)
    }

    /// Tries again to write what the disk refused, whatever its reason was.
    ///
    /// - Returns: Why it still does; `nil` when nothing is left.
    func flush() -> FileError? {
        guard file == nil || !backlog.isEmpty else { return nil }
        let before = writtenLength
        var refusal: FileError?
        do throws(FileError) { try openFile().write(backlog) } catch { refusal = error }
        backlog.removeFirst(writtenLength - before)
        return refusal
    }

    /// Bytes, those that wait for the disk included.
    var length: Int { writtenLength + backlog.count }

    private var writtenLength: Int { file?.length ?? 0 }

    private func append(_ bytes: Span<UInt8>) throws(SpoolError) {
        let before = writtenLength
        do throws(FileError) {
            if backlog.isEmpty { return try openFile().write(bytes) }
        } catch {
            guard waitsForDisk else { throw spool.refusal(error) }
        }
        for index in (writtenLength - before)..<bytes.count { backlog.append(bytes[index]) }
    }

    private func openFile() throws(FileError) -> TemporaryFile {
        if let file { return file }
        let file = try TemporaryFile(in: spool.folder)
        self.file = file
        return file
    }

    /// Hands the file over; `nil` the second time, and while there is none yet.
    ///
    /// What still waits for the disk has to be flushed before.
    func finish() -> SpooledFile? {
        guard let file, let digest = hash.take()?.finalize() else { return nil }
        guard case .image(let header) = probe.finish() else {
            return SpooledFile(file, digest: digest, header: nil, isComplete: false)
        }
        let (tail, length) = (tail, file.length)
        let isComplete = header.isComplete(tail: tail.span, length: length)
        return SpooledFile(file, digest: digest, header: header, isComplete: isComplete)
    }

    private func keepTail(of bytes: Span<UInt8>) {
        let wanted = min(bytes.count, ImageHeader.tailLength)
        tail.removeFirst(max(0, tail.count + wanted - ImageHeader.tailLength))
        tail.append(copying: bytes.extracting(last: wanted))
    }
}

/// Why bytes from outside could not be spooled.
enum SpoolError: Error, Sendable, CustomStringConvertible {
    /// Bytes.
    case tooLarge(limit: Int)
    case malformed(String)
    case disk(FileError)

    /// What clients may know, who need not know the gateway's paths.
    var description: String {
        switch self {
        case .tooLarge(let limit): "it is longer than \(limit) bytes"
        case .malformed(let reason): reason
        case .disk: "the gateway's disk refused it"
        }
    }
}
