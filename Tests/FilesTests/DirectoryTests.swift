import Glibc
import Testing

@testable import Files

struct DirectoryTests {
    let scratch = Scratch()

    @Test func `a folder is created with those it is in, once or twice`() throws {
        let deep = Directory("\(scratch.path)/a/b/c")
        defer { for path in ["a/b/c", "a/b", "a"] { unsafe rmdir("\(scratch.path)/\(path)") } }
        try deep.create()
        try deep.create()
        try Directory("\(scratch.path)/a/b/c/").create()
        #expect(try deep.files() == [])
        var status = stat()
        #expect(unsafe stat(deep.path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o700)
    }

    @Test(arguments: ["", "/file", "/file/below"])
    func `a folder cannot be where a file is`(suffix: String) throws {
        try scratch.file("file", [])
        guard !suffix.isEmpty else {
            #expect(throws: FileError.self) { try Directory("").create() }
            return
        }
        let error = #expect(throws: FileError.self) { try Directory(scratch.path + suffix).create() }
        #expect(error?.code == ENOTDIR)
        #expect(error?.description.hasPrefix("cannot create the folder \(scratch.path)/file") == true)
    }

    @Test func `files are listed with length and time, folders and links are not`() throws {
        try scratch.file("one", [1])
        try scratch.file("two", pattern(2_000))
        unsafe mkdir("\(scratch.path)/folder", 0o700)
        unsafe symlink("/etc/passwd", "\(scratch.path)/link")
        defer {
            unsafe rmdir("\(scratch.path)/folder")
            unsafe unlink("\(scratch.path)/link")
        }
        let files = try scratch.directory.files().sorted { $0.name < $1.name }
        #expect(files.map(\.name) == ["one", "two"])
        #expect(files.map(\.length) == [1, 2_000])
        let now = Duration.seconds(time(nil))
        #expect(files.allSatisfy { $0.modified > now - .seconds(600) && $0.modified <= now + .seconds(1) })
    }

    @Test func `a folder that does not exist cannot be listed`() {
        let error = #expect(throws: FileError.self) { try Directory("/nowhere").files() }
        #expect(error == FileError(code: ENOENT, path: "/nowhere", operation: "open the folder"))
    }

    @Test func `removing tells whether there was a file`() throws {
        try scratch.file("one", [1])
        #expect(try scratch.directory.remove("one"))
        #expect(try !scratch.directory.remove("one"))
    }

    @Test(arguments: ["", ".", "..", "../x", "a/b", "/etc/x", "nul\u{0}"])
    func `removing never leaves the folder`(name: String) {
        let error = #expect(throws: FileError.self) { try scratch.directory.remove(name) }
        #expect(error?.code == EINVAL)
    }

    @Test func `a file system has some space left`() throws {
        #expect(try scratch.directory.freeSpace() > 0)
        let error = #expect(throws: FileError.self) { try Directory("/nowhere").freeSpace() }
        #expect(error?.code == ENOENT)
    }

    @Test(arguments: [("a", "."), ("/a", "/"), ("/a/b", "/a"), ("a/b/c", "a/b")])
    func `a file's folder`(path: String, folder: String) {
        #expect(Directory(containing: path).path == folder)
    }
}
