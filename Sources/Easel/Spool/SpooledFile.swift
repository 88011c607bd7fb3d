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
    private let file: TemporaryFile
    private var hash: SHA256? = SHA256()
    private var probe = ImageProbe()
    /// The last bytes, by which an image that was cut short is known.
    private var tail: [UInt8] = []
    /// The most it may grow to, in bytes.
    private let allowance: Int
    /// What is told to be the limit, in bytes.
    private let limit: Int
    /// Whether bytes that the disk has no room for are kept in memory, until ``flush()`` finds room for them.
    private let waitsForRoom: Bool
    private var backlog: [UInt8] = []

    /// Prepares for a file of at most `limit` bytes, or of what other files have left of them.
    init(
        in spool: Spool, limit: Int, left allowance: Int? = nil, waitsForRoom: Bool = false
    ) throws(SpoolError) {
        do throws(FileError) { file = try TemporaryFile(in: spool.folder) } catch { throw .disk(error) }
        self.limit = limit
        self.allowance = allowance ?? limit
        self.waitsForRoom = waitsForRoom
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

    /// Tries again to write what there was no room for.
    ///
    /// - Returns: Why the disk still refuses it; `nil` when nothing is left.
    func flush() -> FileError? {
        guard !backlog.isEmpty else { return nil }
        let before = file.length
        var refusal: FileError?
        do throws(FileError) { try file.write(backlog) } catch { refusal = error }
        backlog.removeFirst(file.length - before)
        return refusal
    }

    /// Bytes, those that wait for room included.
    var length: Int { file.length + backlog.count }

    private func append(_ bytes: Span<UInt8>) throws(SpoolError) {
        let before = file.length
        do throws(FileError) {
            if backlog.isEmpty { return try file.write(bytes) }
        } catch {
            guard waitsForRoom, error.isDiskFull else { throw .disk(error) }
        }
        for index in (file.length - before)..<bytes.count { backlog.append(bytes[index]) }
    }

    /// Hands the file over; `nil` the second time.
    ///
    /// What still waits for room has to be flushed before the file is used.
    func finish() -> SpooledFile? {
        guard let digest = hash.take()?.finalize() else { return nil }
        guard case .image(let header) = probe.finish() else {
            return SpooledFile(file, digest: digest, header: nil, isComplete: false)
        }
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
enum SpoolError: Error, Sendable {
    /// Bytes.
    case tooLarge(limit: Int)
    case malformed(String)
    case disk(FileError)
}
