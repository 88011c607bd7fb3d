import Crypto
import Files

/// Where the images are on disk: in 256 folders by the first byte of their digests, each file named by the rest.
struct BlobPaths: Sendable {
    let folder: String

    /// An image's file, as a folder lists it.
    struct File: Sendable {
        let digest: Digest
        /// Bytes.
        let length: Int
        let modified: Timestamp
    }

    static let prefixes = UInt8.min...UInt8.max

    func path(of digest: Digest) -> String {
        let name = digest.description
        return "\(folder)/\(name.prefix(2))/\(name.dropFirst(2))"
    }

    /// The folder of the digests that begin with a byte.
    func directory(_ prefix: UInt8) -> Directory {
        Directory("\(folder)/\(prefix < 16 ? "0" : "")\(String(prefix, radix: 16))")
    }

    /// Deletes the file of an image, if there is one; waits for the disk.
    func remove(_ digest: Digest) throws(FileError) {
        let name = digest.description
        try Directory("\(folder)/\(name.prefix(2))").remove(String(name.dropFirst(2)))
    }

    /// What is in one of the folders: images, and the paths of files that have no image's name.
    ///
    /// Waits for the disk. A folder that does not exist is empty.
    func files(_ prefix: UInt8) throws(FileError) -> (images: [File], others: [String]) {
        let directory = directory(prefix)
        let entries: [Directory.Entry]
        do throws(FileError) { entries = try directory.files() } catch {
            if error.isMissing { return ([], []) }
            throw error
        }
        let start = directory.path.suffix(2)
        var (images, others): ([File], [String]) = ([], [])
        for entry in entries {
            if let digest = Digest(hexadecimal: start + entry.name) {
                let modified = Timestamp(microseconds: entry.modified.microseconds)
                images.append(File(digest: digest, length: entry.length, modified: modified))
            } else {
                others.append("\(directory.path)/\(entry.name)")
            }
        }
        return (images, others)
    }
}
