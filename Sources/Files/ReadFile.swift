import Glibc

/// The bytes of a whole file, which may have `limit` of them at most.
///
/// Waits for the disk: call it through `blocking`. For images there is ``FileSource``, which keeps only a piece in memory.
///
/// - Throws: ``FileError``; `EFBIG` if the file is longer than the limit.
package func readFile(_ path: String, limit: Int) throws(FileError) -> [UInt8] {
    let file = try Descriptor(opening: path, O_RDONLY)
    var bytes: [UInt8] = []
    while true {
        // Asking for one byte more than allowed tells a file of just that length from a longer one. The length that
        // the system states is no help: it is 0 for the files of /proc, and any file may be growing.
        let piece = try file.read(upTo: min(FileSource.pieceLength, limit - bytes.count) + 1)
        if piece.isEmpty { return bytes }
        guard piece.count <= limit - bytes.count else { throw FileError(code: EFBIG, path: path, operation: "read") }
        bytes += piece
    }
}
