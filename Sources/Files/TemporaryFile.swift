import Dispatch
import Glibc
import Synchronization

/// A file in the making: invisible under its final name until it is whole, and gone if it never is.
///
/// Everything here waits for the disk: call it through `blocking`, one call at a time.
package final class TemporaryFile: Sendable {
    /// The name it has until ``commit(to:durable:)``, which nobody can guess.
    package let path: String
    private let descriptor: Descriptor
    private let written = Atomic(0)
    private let isKept = Atomic(false)

    /// Creates an empty file that only this program's user may read or write.
    ///
    /// The folder must exist, and be on the file system of the final name.
    package init(in directory: String) throws(FileError) {
        path = "\(directory)/\(Self.randomName())"
        // O_EXCL: a file or a link of that name that is already there is never followed.
        descriptor = try Descriptor(opening: path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    }

    /// Deletes the file unless it was committed or kept, soon and on another thread.
    ///
    /// For a large file that takes the disk a while, and the last to let go of one may be the event loop.
    deinit {
        guard !isKept.load(ordering: .acquiring) else { return }
        Self.removals.async { [path] in unsafe unlink(path) }
    }

    /// Waits until every file that nobody has any more is deleted.
    package static func finishRemovals() { removals.sync {} }

    private static let removals = DispatchQueue(label: "easel.files.removals")

    /// Bytes written so far.
    package var length: Int { written.load(ordering: .acquiring) }

    /// Appends bytes, or as many of them as the disk has room for.
    package func write(_ bytes: Span<UInt8>) throws(FileError) {
        let (count, failure) = descriptor.write(bytes)
        written.wrappingAdd(count, ordering: .acquiringAndReleasing)
        if let failure { throw FileError(code: failure, path: path, operation: "write") }
    }

    /// Appends bytes, or as many of them as the disk has room for.
    package func write(_ bytes: [UInt8]) throws(FileError) { try write(bytes.span) }

    /// Gives the file its final name, replacing whatever had that name, in one step that nobody can see half of.
    ///
    /// The name must be on the same file system, in a folder that exists; nothing may be written afterwards. When it is
    /// to be `durable`, the bytes and the name survive a power cut once this has returned. The corresponding C
    /// functions are `fsync` and `rename`.
    package func commit(to path: String, durable: Bool) throws(FileError) {
        try Self.commit([(self, path)], durable: durable).first?.get()
    }

    /// Does the same for several files at once, and tells of each how that went.
    ///
    /// First all bytes are flushed, then all names given, then the folders flushed, each once: a file system with a
    /// journal has most of it on the disk with the first.
    package static func commit(
        _ files: [(file: TemporaryFile, path: String)], durable: Bool
    ) -> [Result<Void, FileError>] {
        var results = files.map { file, _ in
            Result { () throws(FileError) in if durable { try file.descriptor.synchronize() } }
        }
        for (index, (file, path)) in files.enumerated() where results[index].isSuccess {
            results[index] = Result { () throws(FileError) in try file.rename(to: path) }
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

    private func rename(to path: String) throws(FileError) {
        guard unsafe Glibc.rename(self.path, path) == 0 else {
            throw FileError(code: errno, path: path, operation: "rename \(self.path) to")
        }
        isKept.store(true, ordering: .releasing)
    }

    /// Leaves the file where it is, under the name it has.
    package func keep() { isKept.store(true, ordering: .releasing) }

    /// Whether a name is that of a temporary file, such as a crash may leave behind.
    package static func isTemporary(name: String) -> Bool { name.hasPrefix(prefix) }

    private static let prefix = ".temporary-"

    /// 128 bits from the system's generator, in hexadecimal.
    private static func randomName() -> String {
        var name = prefix
        for _ in 0..<4 {
            let digits = String(UInt32.random(in: .min ... .max), radix: 16)
            name += String(repeating: "0", count: 8 - digits.utf8.count) + digits
        }
        return name
    }
}

extension Result {
    fileprivate var isSuccess: Bool { if case .success = self { true } else { false } }
}
