import Glibc

/// A lock on a file, which one holder has at a time: a program, or a part of it.
///
/// The kernel lets go of it when the holder ends, in whatever way, so there is nothing to clean up after a crash.
package final class FileLock: Sendable {
    private let descriptor: Descriptor

    /// Takes the lock, and creates the file if there is none; waits for nobody.
    ///
    /// The corresponding C function is `flock`.
    ///
    /// - Throws: ``FileError``; ``FileError/isLocked`` tells that somebody else has the lock.
    package convenience init(path: String) throws(FileError) {
        let descriptor = try Descriptor(opening: path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        guard flock(descriptor.number, LOCK_EX | LOCK_NB) == 0 else {
            throw FileError(code: errno, path: path, operation: "lock")
        }
        self.init(holding: descriptor)
    }

    private init(holding descriptor: consuming Descriptor) {
        // The holder's number, for ``holder(path:)``. Only a message gets lost where the disk has no room for it.
        _ = ftruncate(descriptor.number, 0)
        _ = descriptor.write(Array("\(getpid())\n".utf8).span)
        self.descriptor = descriptor
    }

    deinit { _ = ftruncate(descriptor.number, 0) }

    /// The process that has the lock; `nil` when nobody has it.
    ///
    /// - Throws: ``FileError``; `ENODATA` when its holder has not said yet who it is.
    package static func holder(path: String) throws(FileError) -> RunningProcess? {
        guard let file = try held(path) else { return nil }
        let text = String(decoding: try file.read(upTo: 16), as: UTF8.self)
        guard let id = text.split(separator: "\n").first.flatMap({ Int32($0) }), id > 0 else {
            throw FileError(code: ENODATA, path: path, operation: "read")
        }
        return RunningProcess(id: id)
    }

    /// Whether somebody holds the lock; asking takes nothing and creates no file.
    package static func isHeld(path: String) throws(FileError) -> Bool { try held(path) != nil }

    /// The file if somebody has its lock.
    private static func held(_ path: String) throws(FileError) -> Descriptor? {
        let descriptor: Descriptor
        do throws(FileError) { descriptor = try Descriptor(opening: path, O_RDONLY | O_NOFOLLOW) } catch {
            if error.isMissing { return nil }
            throw error
        }
        // Whoever can share the lock sees that nobody has it; the share goes back with the descriptor.
        if flock(descriptor.number, LOCK_SH | LOCK_NB) == 0 { return nil }
        guard errno == EWOULDBLOCK else { throw FileError(code: errno, path: path, operation: "lock") }
        return descriptor
    }
}

extension FileError {
    /// Somebody else has the lock.
    package var isLocked: Bool { code == EWOULDBLOCK }
}
