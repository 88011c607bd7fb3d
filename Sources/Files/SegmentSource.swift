import Glibc
import HTTP
package import LibEvent

/// A part of a body that is put together from memory and from files.
package enum Segment: Sendable, Hashable {
    case bytes([UInt8])
    /// A file as it is, or a range of its bytes.
    case file(path: String, range: Range<Int>? = nil)
    /// The text of a file in base64 (RFC 4648, section 4), padded; where it is known, of a file of just this many bytes.
    case base64(path: String, length: Int? = nil)

    /// Whether a file has to be opened for it.
    fileprivate var isInFile: Bool { if case .bytes = self { false } else { true } }
}

/// A body made of segments, one after the other, whose length is known before the first byte is read.
///
/// For request bodies with images in them, which so never are in memory as a whole. The files are opened at the start:
/// one that is missing is found out before anything is sent, and none can vanish on the way.
@EventLoop
package final class SegmentSource: ByteSource {
    private enum Part: Sendable {
        case bytes(ArraySlice<UInt8>)
        case file(OpenFile, path: String, rest: Range<Int>, isEncoded: Bool)
    }

    /// Bytes of a file that become one piece of base64: whole groups of three, so that only the last one is padded.
    private static let bytesPerEncodedPiece = FileSource.pieceLength / 4 * 3

    /// How many bytes come in all, base64 counted as the text it becomes.
    package nonisolated let length: Int
    /// Not yet given.
    private var parts: ArraySlice<Part>

    /// Opens the files.
    ///
    /// - Throws: ``FileError``; `EINVAL` if a file does not have the bytes of a range, `EIO` if it is of another length
    ///   than is known, `EFBIG` if the whole is longer than any file can be.
    package init(_ segments: [Segment]) async throws(FileError) {
        (parts, length) =
            if segments.contains(where: \.isInFile) {
                try await blocking { () throws(FileError) in try Self.open(segments) }
            } else {
                try Self.open(segments)
            }
    }

    package func next() async throws(FileError) -> [UInt8]? {
        while let part = parts.first {
            switch part {
            case .bytes(let bytes):
                parts.removeFirst()
                if !bytes.isEmpty { return Array(bytes) }
            case .file(let file, let path, let rest, let isEncoded):
                let piece = rest.prefix(isEncoded ? Self.bytesPerEncodedPiece : FileSource.pieceLength)
                guard !piece.isEmpty else {
                    parts.removeFirst()
                    continue
                }
                let bytes = try await file.bytesFromCacheOrDisk(piece, path: path)
                let rest = piece.endIndex..<rest.endIndex
                parts[parts.startIndex] = .file(file, path: path, rest: rest, isEncoded: isEncoded)
                return isEncoded ? Self.encode(bytes) : bytes
            }
        }
        return nil
    }

    private nonisolated static func open(
        _ segments: [Segment]
    ) throws(FileError) -> (parts: ArraySlice<Part>, length: Int) {
        var parts: [Part] = []
        var length = 0
        for segment in segments {
            let (part, path, count) = try Self.open(segment)
            let (sum, isOverflow) = length.addingReportingOverflow(count ?? .max)
            guard !isOverflow else { throw FileError(code: EFBIG, path: path, operation: "send") }
            length = sum
            parts.append(part)
        }
        return (parts[...], length)
    }

    /// Adds what is in memory already, the kernel's included; what becomes base64 has to be asked for.
    package func fill(_ buffer: inout OutputRawSpan) {
        while buffer.freeCapacity > 0, let part = parts.first {
            switch part {
            case .bytes(let bytes):
                let taken = bytes.prefix(buffer.freeCapacity)
                for byte in taken { buffer.append(byte) }
                parts[parts.startIndex] = .bytes(bytes[taken.endIndex...])
                if taken.count == bytes.count { parts.removeFirst() }
            case .file(let file, let path, let rest, let isEncoded):
                let count = isEncoded ? 0 : file.readCached(rest, into: &buffer)
                guard count > 0 || rest.isEmpty else { return }
                parts[parts.startIndex] = .file(file, path: path, rest: rest.dropFirst(count), isEncoded: isEncoded)
                if count == rest.count { parts.removeFirst() }
            }
        }
    }

    /// Opens a segment and tells how many bytes it gives, `nil` if they cannot be counted.
    private nonisolated static func open(_ segment: Segment) throws(FileError) -> (Part, path: String, count: Int?) {
        switch segment {
        case .bytes(let bytes):
            return (.bytes(bytes[...]), "", bytes.count)
        case .file(let path, let range):
            let file = try OpenFile(path: path)
            let range = try file.checked(range, path: path)
            return (.file(file, path: path, rest: range, isEncoded: false), path, range.count)
        case .base64(let path, let length):
            let file = try OpenFile(path: path)
            if let length, file.length != length {
                throw FileError(code: EIO, path: path, operation: "read \(length) bytes, of \(file.length), from")
            }
            let part = Part.file(file, path: path, rest: 0..<file.length, isEncoded: true)
            return (part, path, Base64Encoder.length(of: file.length))
        }
    }

    /// Encodes a piece here: even without vectors, it takes less than the way to a thread and back.
    private static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var encoder = Base64Encoder()
        var text: [UInt8] = []
        text.reserveCapacity(FileSource.pieceLength)
        encoder.encode(bytes.span, into: &text)
        encoder.finish(into: &text)
        return text
    }
}
