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
    package init(path: String) throws(FileError) {
        descriptor = try Descriptor(opening: path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        guard flock(descriptor.number, LOCK_EX | LOCK_NB) == 0 else {
            throw FileError(code: errno, path: path, operation: "lock")
        }
    }

    /// Whether somebody holds the lock; asking takes nothing and creates no file.
    package static func isHeld(path: String) throws(FileError) -> Bool {
        let descriptor: Descriptor
        do throws(FileError) { descriptor = try Descriptor(opening: path, O_RDONLY | O_NOFOLLOW) } catch {
            if error.isMissing { return false }
            throw error
        }
        if flock(descriptor.number, LOCK_SH | LOCK_NB) == 0 { return false }
        guard errno == EWOULDBLOCK else { throw FileError(code: errno, path: path, operation: "lock") }
        return true
    }
}

extension FileError {
    /// Somebody else has the lock.
    package var isLocked: Bool { code == EWOULDBLOCK }
}
