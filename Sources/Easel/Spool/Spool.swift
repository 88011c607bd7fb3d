import Files

/// The folder of bytes on their way: uploads and answers are here while their job runs.
struct Spool: Sendable {
    let folder: String
    let log: Log

    /// Opens the folder, and deletes what an earlier run of the process left in it.
    init(folder: String, log: Log = Log()) throws(FileError) {
        let directory = Directory(folder)
        try directory.create()
        for file in try directory.files() where TemporaryFile.isTemporary(name: file.name) {
            try directory.remove(file.name)
        }
        self.folder = folder
        self.log = log
    }

    /// What whoever brought the bytes is told of a refusal, of which the log has the whole.
    func refusal(_ error: FileError) -> SpoolError {
        log.error("cannot use a file of the spool", ["error": "\(error)"])
        return .disk(error)
    }

    /// An empty file for something that writes by itself.
    func temporaryFile() throws(SpoolError) -> TemporaryFile {
        do throws(FileError) { return try TemporaryFile(in: folder) } catch { throw refusal(error) }
    }

    /// Reads a file that something wrote by itself, at most `limit` bytes; waits for the disk.
    func copy(of path: String, limit: Int) throws(SpoolError) -> SpooledFile {
        let bytes: [UInt8]
        do throws(FileError) { bytes = try readFile(path, limit: limit) } catch { throw refusal(error) }
        let writer = try SpoolWriter(in: self, limit: limit)
        try writer.write(bytes.span)
        guard let file = writer.finish() else { throw .malformed("the file was finished twice") }
        return file
    }
}
