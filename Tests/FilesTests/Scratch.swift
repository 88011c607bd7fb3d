import Glibc

@testable import Files

/// A folder for the files of one test.
final class Scratch: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/easel-files-XXXXXX".utf8CString)
        path = unsafe template.withUnsafeMutableBufferPointer { unsafe String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit {
        for name in names { unsafe unlink("\(path)/\(name)") }
        unsafe rmdir(path)
    }

    var directory: Directory { Directory(path) }

    /// What is in it once every file that nobody has any more is deleted.
    var names: [String] {
        TemporaryFile.finishRemovals()
        return ((try? directory.files()) ?? []).map(\.name).sorted()
    }

    /// Writes a file and gives its path.
    @discardableResult
    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = try TemporaryFile(in: path)
        try file.write(bytes)
        try file.commit(to: "\(path)/\(name)", durable: false)
        return "\(path)/\(name)"
    }
}

/// Bytes that tell where they are.
func pattern(_ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) }
}
