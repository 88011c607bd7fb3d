import Files
import Glibc

/// A folder for one test, deleted with everything in it.
final class TemporaryFolder: Sendable {
    let path: String

    /// In memory where that can be had: hundreds of folders made and deleted would keep the event loop waiting for the
    /// disk, which it does nowhere else.
    init() {
        let parent = unsafe access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"
        var template = Array("\(parent)/easel-core-XXXXXX".utf8CString)
        path = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, let path = unsafe mkdtemp(start) else { return "/nowhere" }
            return unsafe String(cString: path)
        }
    }

    deinit { Self.remove(path) }

    /// The names of the files in it, or in a folder in it, in order.
    func names(in folder: String? = nil) throws -> [String] {
        TemporaryFile.finishRemovals()
        return try Directory(folder.map { "\(path)/\($0)" } ?? path).files().map(\.name).sorted()
    }

    /// Every file in it and below, by its path from here.
    var allFiles: [String] {
        TemporaryFile.finishRemovals()
        return Self.files(below: path)
    }

    func write(_ bytes: [UInt8], to name: String) throws {
        let file = try TemporaryFile(in: path)
        try file.write(bytes)
        try file.commit(to: "\(path)/\(name)", durable: false)
    }

    /// Gives a file or a folder in it another name.
    func rename(_ name: String, to newName: String) { _ = unsafe Glibc.rename("\(path)/\(name)", "\(path)/\(newName)") }

    /// Every file in a folder and below.
    static func files(below folder: String) -> [String] {
        entries(of: folder, isFolder: false) + entries(of: folder, isFolder: true).flatMap(files)
    }

    private static func remove(_ folder: String) {
        for path in entries(of: folder, isFolder: true) { remove(path) }
        for path in entries(of: folder, isFolder: false) { unsafe unlink(path) }
        unsafe rmdir(folder)
    }

    private static func entries(of folder: String, isFolder: Bool) -> [String] {
        guard let stream = unsafe opendir(folder) else { return [] }
        defer { unsafe closedir(stream) }
        var paths: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if unsafe entry.pointee.d_type == UInt8(DT_DIR) ? isFolder && name != "." && name != ".." : !isFolder {
                paths.append("\(folder)/\(name)")
            }
        }
        return paths
    }
}

extension TemporaryFolder {
    /// Whether any file below has these bytes in it.
    func contains(_ text: String) throws -> Bool {
        let needle = Array(text.utf8)
        return try allFiles.contains { path in
            try readFile(path, limit: 1 << 28).firstRange(of: needle) != nil
        }
    }
}
