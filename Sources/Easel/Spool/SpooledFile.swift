import Crypto
import Files
import Imaging

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

    /// Prepares for a file of at most `limit` bytes, or of what other files have left of them.
    init(in spool: Spool, limit: Int, left allowance: Int? = nil) throws(SpoolError) {
        do throws(FileError) { file = try TemporaryFile(in: spool.folder) } catch { throw .disk(error) }
        self.limit = limit
        self.allowance = allowance ?? limit
    }

    /// Adds bytes.
    ///
    /// - Throws: ``SpoolError``, when there are more than the limit allows or the disk refuses them.
    func write(_ bytes: Span<UInt8>) throws(SpoolError) {
        guard bytes.count <= allowance - file.length else { throw .tooLarge(limit: limit) }
        do throws(FileError) { try file.write(bytes) } catch { throw .disk(error) }
        hash?.update(bytes)
        _ = probe.feed(bytes)
        keepTail(of: bytes)
    }

    /// Hands the file over; `nil` the second time.
    func finish() -> SpooledFile? {
        guard let digest = hash.take()?.finalize() else { return nil }
        guard case .image(let header) = probe.finish() else {
            return SpooledFile(file, digest: digest, header: nil, isComplete: false)
        }
        let isComplete = header.isComplete(tail: tail.span, length: file.length)
        return SpooledFile(file, digest: digest, header: header, isComplete: isComplete)
    }

    private func keepTail(of bytes: Span<UInt8>) {
        let wanted = min(bytes.count, ImageHeader.tailLength)
        tail.removeFirst(max(0, tail.count + wanted - ImageHeader.tailLength))
        for index in (bytes.count - wanted)..<bytes.count { tail.append(bytes[index]) }
    }
}

/// Why bytes from outside could not be spooled.
enum SpoolError: Error, Sendable {
    /// Bytes.
    case tooLarge(limit: Int)
    case malformed(String)
    case disk(FileError)
}
