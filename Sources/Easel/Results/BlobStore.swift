import Crypto
import Files
import LibEvent

/// Where images are put.
@EventLoop
protocol ImageShelf: AnyObject, Sendable {
    /// Puts a spooled file in its place and pins it until ``release(_:)``, which follows the row in the ledger; a small
    /// one it only reads, for its bytes are to go to the ledger with its row.
    func store(_ file: SpooledFile) async throws(FileError) -> BlobContent
    func release(_ digest: Digest)
}

/// The images in files, each under the SHA-256 of its bytes: stored once, whole or not at all.
///
/// A row names a file only once its bytes and its name are flushed. What a power cut makes of a file before that is no
/// image of anybody's: the ``Sweeper`` deletes it, and whoever stores that image first puts whole bytes in its place.
@EventLoop
final class BlobStore: ImageShelf {
    nonisolated let paths: BlobPaths
    private let commits: FileCommits
    /// Digests that a job is about to write down, and must not be swept before it has; with how many jobs hold each.
    private var pins: [Digest: Int] = [:]
    /// Digests whose file is being deleted, for those who want to store the same image again.
    private var removals: [Digest: Promise<Void>] = [:]

    nonisolated init(folder: String, isDurable: Bool) throws(FileError) {
        paths = BlobPaths(folder: folder)
        commits = FileCommits(areDurable: isDurable)
        for prefix in BlobPaths.prefixes { try paths.directory(prefix).create() }
    }

    /// Where the image of a digest is, or would be.
    nonisolated func path(of digest: Digest) -> String { paths.path(of: digest) }

    func store(_ file: SpooledFile) async throws(FileError) -> BlobContent {
        guard file.length > BlobContent.ledgerLimit else {
            return .bytes(
                try await blocking { () throws(FileError) in
                    try readFile(file.file.path, limit: BlobContent.ledgerLimit)
                })
        }
        let digest = file.digest
        pins[digest, default: 0] += 1
        while let removal = removals[digest] { _ = await removal.wait() }
        do {
            try await commits.commit(file.file, to: path(of: digest))
            return .file
        } catch {
            release(digest)
            throw error
        }
    }

    func release(_ digest: Digest) {
        guard let count = pins[digest] else { return }
        pins[digest] = count > 1 ? count - 1 : nil
    }

    /// Deletes an image that no row of the ledger names any more.
    ///
    /// - Returns: Whether it is gone; not while a job is storing it again.
    func remove(_ digest: Digest, forget: @escaping @EventLoop @Sendable () async throws -> Bool) async throws -> Bool {
        guard pins[digest] == nil, removals[digest] == nil else { return false }
        let removal = Promise<Void>()
        removals[digest] = removal
        defer {
            removals[digest] = nil
            removal.fulfil(())
        }
        guard try await forget() else { return false }
        let paths = paths
        try await blocking { try paths.remove(digest) }
        return true
    }
}
