import Dispatch
import Glibc
import LibEvent
import Synchronization

/// A file in the making: invisible under its final name until it is whole, and gone if it never is.
///
/// Everything here waits for the disk: call it through `blocking`, one call at a time.
package final class TemporaryFile: Sendable {
    /// The name it has until ``commit(to:durable:)``, which no other file has.
    package let path: String
    /// `nil` once the file is committed.
    private let descriptor: Lock<Descriptor?>
    private let written = Atomic(0)
    private let isKept = Atomic(false)

    /// Creates an empty file that only this program's user may read or write.
    ///
    /// The folder must exist, and be on the file system of the final name.
    package init(in directory: String) throws(FileError) {
        path = "\(directory)/\(Self.newName())"
        // O_EXCL: a file or a link of that name that is already there is never followed.
        descriptor = Lock(try Descriptor(opening: path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600))
    }

    /// Deletes the file unless it was committed or kept, soon and on another thread.
    ///
    /// For a large file that takes the disk a while, and the last to let go of one may be the event loop.
    deinit {
        guard !isKept.load(ordering: .acquiring) else { return }
        Self.removals.async { [path, descriptor] in
            unsafe Glibc.unlink(path)
            descriptor.withLock { $0 = nil }
        }
    }

    /// Waits until every file that nobody has any more is deleted.
    package static func finishRemovals() { removals.sync {} }

    private static let removals = DispatchQueue(label: "easel.files.removals")

    /// Bytes written so far.
    package var length: Int { written.load(ordering: .acquiring) }

    /// Appends bytes, or as many of them as the disk has room for.
    package func write(_ bytes: Span<UInt8>) throws(FileError) {
        let (count, failure) = descriptor.withLock { $0?.write(bytes) ?? (0, EBADF) }
        written.wrappingAdd(count, ordering: .acquiringAndReleasing)
        if let failure { throw FileError(code: failure, path: path, operation: "write") }
    }

    /// Appends bytes, or as many of them as the disk has room for.
    package func write(_ bytes: [UInt8]) throws(FileError) { try write(bytes.span) }

    /// Gives the file its final name, replacing whatever had that name, in one step that nobody can see half of.
    ///
    /// The name must be on the same file system, in a folder that exists; nothing may be written afterwards. When it is
    /// to be `durable`, the bytes and the name survive a power cut once this has returned. The corresponding C
    /// functions are `fsync`, and `rename` or `link`.
    package func commit(to path: String, durable: Bool) throws(FileError) {
        try Self.commit([(self, path)], durable: durable).first?.get()
    }

    /// Does the same for several files at once, and tells of each how that went.
    ///
    /// Of durable files, a name that nothing has is given first, then all bytes are flushed, then the other names given,
    /// then the folders flushed, each once: a file system with a journal has most of it on the disk with the first.
    ///
    /// Until its bytes are flushed, a new name may come out of a power cut with other bytes, so whoever reads names must
    /// go by what is written down after the commit. It never takes the place of another file: `link` refuses that, and
    /// `rename`, which does not, comes after the flush. So what was durable stays, and whoever commits to a name that
    /// such a crash has left puts flushed bytes in its place.
    package static func commit(
        _ files: [(file: TemporaryFile, path: String)], durable: Bool
    ) -> [Result<Void, FileError>] {
        let areLinked = files.map { file, path in
            let isLinked = durable && file.link(to: path)
            if durable { file.descriptor.withLock { $0?.beginSynchronizing() } }
            return isLinked
        }
        // After all have begun: the first to be waited for takes the others along.
        var results = zip(files, areLinked).map { commit, isLinked in
            Result { () throws(FileError) in
                if durable { try commit.file.synchronize() }
                try isLinked ? commit.file.unlink() : commit.file.rename(to: commit.path)
            }
        }
        guard durable else { return results }
        var folders: [Directory: Result<Void, FileError>] = [:]
        for (index, (_, path)) in files.enumerated() where results[index].isSuccess {
            let folder = Directory(containing: path)
            let flushed = folders[folder] ?? Result { () throws(FileError) in try folder.synchronize() }
            folders[folder] = flushed
            results[index] = flushed
        }
        return results
    }

    /// Gives the file a second name if no file has that one yet; false if it has not got it.
    private func link(to path: String) -> Bool { unsafe Glibc.link(self.path, path) == 0 }

    private func synchronize() throws(FileError) {
        try descriptor.withLock { descriptor in
            Result { () throws(FileError) in try descriptor?.synchronize() }
        }.get()
    }

    private func rename(to path: String) throws(FileError) {
        // One that got its name, but whose folder could not be flushed, is committed once more.
        if isKept.load(ordering: .acquiring), unsafe access(path, F_OK) == 0 { return }
        guard unsafe Glibc.rename(self.path, path) == 0 else {
            throw FileError(code: errno, path: path, operation: "rename \(self.path) to")
        }
        // Where both are names of this file, because an earlier try could link it but not flush it, nothing was renamed.
        unlink()
    }

    /// Has the second name be the only one.
    private func unlink() {
        unsafe Glibc.unlink(path)
        end()
    }

    /// Keeps the file and closes it: here, where waiting is allowed, for the last to let go of it may be the event loop.
    private func end() {
        isKept.store(true, ordering: .releasing)
        descriptor.withLock { $0 = nil }
    }

    /// Leaves the file where it is, under the name it has.
    package func keep() { isKept.store(true, ordering: .releasing) }

    /// Whether a name is that of a temporary file, such as a crash may leave behind.
    package static func isTemporary(name: String) -> Bool { name.hasPrefix(prefix) }

    private static let prefix = ".temporary-"

    /// Different in each process and each time: a random number of this process, and one that counts.
    private static func newName() -> String {
        "\(prefix)\(process)-\(nameCount.wrappingAdd(1, ordering: .relaxed).newValue)"
    }

    private static let process = String(UInt64.random(in: .min ... .max), radix: 16)
    private static let nameCount = Atomic(0)
}

extension Result {
    fileprivate var isSuccess: Bool { if case .success = self { true } else { false } }
}
