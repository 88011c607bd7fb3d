import CLinux
import Glibc
package import LibEvent

/// The bytes of a file, or of a part of it, read piece by piece as they are wanted.
@EventLoop
package final class FileSource: ByteSource {
    /// Bytes in a piece: large enough that a piece costs little beside its bytes, small enough that thousands of
    /// files can be sent at once.
    package nonisolated static let pieceLength = 128 << 10

    /// How many bytes come in all.
    package nonisolated let length: Int
    private let file: OpenFile
    private let path: String
    private var rest: Range<Int>

    /// Opens a file.
    ///
    /// - Throws: ``FileError``; `EINVAL` if the file does not have the bytes of the range.
    package convenience init(path: String, range: Range<Int>? = nil) async throws(FileError) {
        let file = try await blocking { () throws(FileError) in try OpenFile(path: path) }
        try self.init(file, path: path, range: range)
    }

    /// Reads from a file that is already open; its path is for errors only.
    ///
    /// - Throws: ``FileError``; `EINVAL` if the file does not have the bytes of the range.
    package init(_ file: OpenFile, path: String, range: Range<Int>? = nil) throws(FileError) {
        self.file = file
        self.path = path
        rest = try file.checked(range, path: path)
        length = rest.count
    }

    package func next() async throws(FileError) -> [UInt8]? {
        guard !rest.isEmpty else { return nil }
        let piece = rest.prefix(Self.pieceLength)
        let bytes = try await file.bytesFromCacheOrDisk(piece, path: path)
        rest = piece.endIndex..<rest.endIndex
        return bytes
    }
}

extension OpenFile {
    /// The range, or the whole file if there is none.
    func checked(_ range: Range<Int>?, path: String) throws(FileError) -> Range<Int> {
        let range = range ?? 0..<length
        guard range.lowerBound >= 0, range.upperBound <= length else {
            throw FileError(code: EINVAL, path: path, operation: "read bytes \(range) of")
        }
        return range
    }

    /// All bytes of a range, by way of a thread that may wait only if the kernel has to get some of them from the disk.
    ///
    /// What has just been written is in its memory, and copied from there in less time than the way to a thread takes.
    @EventLoop
    func bytesFromCacheOrDisk(_ range: Range<Int>, path: String) async throws(FileError) -> [UInt8] {
        if let bytes = cachedBytes(range) { return bytes }
        return try await blocking { () throws(FileError) in try self.bytes(range, path: path) }
    }

    /// All bytes of a range, if the kernel has them in memory.
    private func cachedBytes(_ range: Range<Int>) -> [UInt8]? {
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
            filled = unsafe readCached(range, into: UnsafeMutableRawBufferPointer(buffer))
        }
        return bytes.count == range.count ? bytes : nil
    }

    /// Adds bytes of a range that the kernel has in memory, as many as fit, and tells how many.
    func readCached(_ range: Range<Int>, into buffer: inout OutputRawSpan) -> Int {
        unsafe buffer.withUnsafeMutableBytes { buffer, filled in
            let count = unsafe readCached(range, into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            filled += count
            return count
        }
    }

    /// Never waits for the disk; the corresponding C function is `preadv2`, which not every file system answers.
    @unsafe private func readCached(_ range: Range<Int>, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        var part = unsafe iovec(iov_base: buffer.baseAddress, iov_len: min(range.count, buffer.count))
        return max(unsafe preadv2(descriptor, &part, 1, range.lowerBound, CInt(easel_never_wait)), 0)
    }

    /// All bytes of a range.
    ///
    /// The corresponding C function is `pread`.
    ///
    /// - Throws: ``FileError``; `ENODATA` if the file has become shorter since it was opened.
    func bytes(_ range: Range<Int>, path: String) throws(FileError) -> [UInt8] {
        var failure: FileError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
            while filled < range.count {
                let rest = unsafe UnsafeMutableBufferPointer(rebasing: buffer[filled..<range.count])
                let position = range.lowerBound + filled
                let count = retryingInterrupted { unsafe pread(descriptor, rest.baseAddress, rest.count, position) }
                guard count > 0 else {
                    failure =
                        count < 0
                        ? FileError(code: errno, path: path, operation: "read")
                        : FileError(code: ENODATA, path: path, operation: "read all of")
                    return
                }
                filled += count
            }
        }
        if let failure { throw failure }
        return bytes
    }
}
