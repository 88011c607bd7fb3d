import Glibc

/// A regular file opened for reading; closed when the last reference to it goes.
///
/// It stays readable under its descriptor even when it is deleted or replaced by name meanwhile, so a file that is
/// being sent is never cut short by housekeeping.
@safe
package final class OpenFile: Sendable {
    package let descriptor: CInt
    /// The file's size in bytes when it was opened.
    package let length: Int

    /// Opens a file.
    ///
    /// This may wait for the disk: on the event loop, call it through `blocking`.
    /// The corresponding C functions are `open` and `fstat`.
    /// - Throws: `FileError` when there is no such file, it may not be read, or it is no regular file.
    package init(path: String) throws(FileError) {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(code: errno, path: path, operation: "open") }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            let code = errno
            close(descriptor)
            throw FileError(code: code, path: path, operation: "look at")
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw FileError(code: status.st_mode & S_IFMT == S_IFDIR ? EISDIR : EINVAL, path: path, operation: "open")
        }
        self.descriptor = descriptor
        length = Int(status.st_size)
    }

    deinit { close(descriptor) }
}

/// What the operating system refused to do with a file.
package struct FileError: Error, Hashable, CustomStringConvertible {
    /// The value of `errno`.
    package let code: CInt
    package let path: String
    /// What was being done, in words that the path completes: `open`, `create the folder`.
    package let operation: String

    package init(code: CInt, path: String, operation: String) {
        self.code = code
        self.path = path
        self.operation = operation
    }

    /// There is no file or folder of that name.
    package var isMissing: Bool { code == ENOENT }

    package var description: String {
        let reason = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
        return "cannot \(operation) \(path): \(reason)\(advice.map { "; \($0)" } ?? "")"
    }

    /// What to do about it, where one thing nearly always helps.
    private var advice: String? {
        switch code {
        case ENOSPC, EDQUOT: "free some space on its disk"
        case EMFILE, ENFILE: "raise the limit of open files (ulimit -n, LimitNOFILE=)"
        case EROFS: "its file system may only be read: mount it for writing, or use another folder"
        case EACCES, EPERM: "let the user that runs this program use it"
        default: nil
        }
    }
}
