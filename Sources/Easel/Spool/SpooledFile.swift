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

    init(_ file: TemporaryFile, digest: Digest, header: ImageHeader?) {
        self.file = file
        self.digest = digest
        self.header = header
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
    /// The most it may grow to, in bytes.
    private let limit: Int

    init(in spool: Spool, limit: Int) throws(SpoolError) {
        do throws(FileError) { file = try TemporaryFile(in: spool.folder) } catch { throw .disk(error) }
        self.limit = limit
    }

    /// Adds bytes.
    ///
    /// - Throws: ``SpoolError``, when there are more than the limit allows or the disk refuses them.
    func write(_ bytes: Span<UInt8>) throws(SpoolError) {
        guard bytes.count <= limit - file.length else { throw .tooLarge(limit: limit) }
        do throws(FileError) { try file.write(bytes) } catch { throw .disk(error) }
        hash?.update(bytes)
        _ = probe.feed(bytes)
    }

    /// Hands the file over; `nil` the second time.
    func finish() -> SpooledFile? {
        guard let digest = hash.take()?.finalize() else { return nil }
        if case .image(let header) = probe.finish() { return SpooledFile(file, digest: digest, header: header) }
        return SpooledFile(file, digest: digest, header: nil)
    }
}

/// Why bytes from outside could not be spooled.
enum SpoolError: Error, Sendable {
    /// Bytes.
    case tooLarge(limit: Int)
    case malformed(String)
    case disk(FileError)
}
