import Glibc

/// A folder by its path.
///
/// Everything here waits for the disk: call it through `blocking`.
package struct Directory: Sendable, Hashable {
    /// A regular file in a folder.
    package struct Entry: Sendable, Hashable {
        package let name: String
        /// Bytes.
        package let length: Int
        /// When it was last written to, since the beginning of 1970 in UTC.
        package let modified: Duration
    }

    package let path: String

    package init(_ path: String) { self.path = path }

    /// The folder that a file is in.
    init(containing path: String) {
        guard let slash = path.lastIndex(of: "/") else {
            self.init(".")
            return
        }
        self.init(slash == path.startIndex ? "/" : String(path[..<slash]))
    }

    /// Creates the folder, and those it is in, if they do not exist; new ones are for this program's user alone.
    package func create() throws(FileError) {
        var failure = make()
        let parent = Directory(containing: path)
        if failure == ENOENT, path.contains("/"), parent != self {
            try parent.create()
            failure = make()
        }
        if failure == EEXIST { failure = isDirectory ? nil : ENOTDIR }
        if let failure { throw FileError(code: failure, path: path, operation: "create the folder") }
    }

    /// Creates the folder in one that exists; gives the `errno` of what stopped it.
    ///
    /// The corresponding C function is `mkdir`.
    private func make() -> CInt? { unsafe mkdir(path, 0o700) == 0 ? nil : errno }

    /// The regular files in the folder, in no particular order; folders and links are passed over.
    package func files() throws(FileError) -> [Entry] {
        let stream = try unsafe open()
        defer { unsafe closedir(stream) }
        var entries: [Entry] = []
        while true {
            errno = 0  // the only way to tell the end from a failure
            guard let record = unsafe readdir(stream) else { break }
            let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) ?? 0
            let text = unsafe UnsafeRawPointer(record).advanced(by: offset).assumingMemoryBound(to: CChar.self)
            // A name that is not UTF-8 is none of ours.
            guard let name = unsafe String(validatingCString: text) else { continue }
            var status = stat()
            guard unsafe fstatat(dirfd(stream), name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { continue }
            guard status.st_mode & S_IFMT == S_IFREG else { continue }
            let modified = Duration.seconds(status.st_mtim.tv_sec) + .nanoseconds(status.st_mtim.tv_nsec)
            entries.append(Entry(name: name, length: Int(status.st_size), modified: modified))
        }
        guard errno == 0 else { throw FileError(code: errno, path: path, operation: "read the folder") }
        return entries
    }

    /// How many names the folder has, whatever they name.
    func entryCount() throws(FileError) -> Int {
        let stream = try unsafe open()
        defer { unsafe closedir(stream) }
        var count = 0
        while unsafe readdir(stream) != nil { count += 1 }
        return count - 2  // itself and the one it is in
    }

    /// The corresponding C function is `opendir`.
    private func open() throws(FileError) -> OpaquePointer {
        guard let stream = unsafe opendir(path) else {
            throw FileError(code: errno, path: path, operation: "open the folder")
        }
        return unsafe stream
    }

    /// Removes a file of the folder; false if there was none.
    ///
    /// The corresponding C function is `unlink`.
    ///
    /// - Throws: ``FileError``, also if the name is not that of a file in this very folder.
    @discardableResult
    package func remove(_ name: String) throws(FileError) -> Bool {
        guard !name.isEmpty, name != ".", name != "..", !name.utf8.contains(where: { $0 == 0 || $0 == 0x2F }) else {
            throw FileError(code: EINVAL, path: "\(path)/\(name)", operation: "delete")
        }
        if unsafe unlink("\(path)/\(name)") == 0 { return true }
        guard errno == ENOENT else { throw FileError(code: errno, path: "\(path)/\(name)", operation: "delete") }
        return false
    }

    /// Bytes that may still be written to the folder's file system.
    ///
    /// The corresponding C function is `statvfs`.
    package func freeSpace() throws(FileError) -> Int {
        var status = statvfs()
        guard unsafe statvfs(path, &status) == 0 else {
            throw FileError(code: errno, path: path, operation: "measure the disk of")
        }
        let (bytes, isOverflow) = status.f_bavail.multipliedReportingOverflow(by: status.f_frsize)
        return isOverflow ? .max : Int(clamping: bytes)
    }

    /// Waits until the names of the folder's files are on the disk.
    func synchronize() throws(FileError) {
        try Descriptor(opening: path, O_RDONLY | O_DIRECTORY).synchronize()
    }

    private var isDirectory: Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
