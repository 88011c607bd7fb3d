import Files
import Glibc
import Testing

struct ReadFileTests {
    let scratch = Scratch()

    @Test(arguments: [0, 1, 131_071, 131_072, 131_073, 400_000])
    func `a file comes whole when it is no longer than the limit`(count: Int) throws {
        let path = try scratch.file("file", pattern(count))
        #expect(try readFile(path, limit: count) == pattern(count))
        #expect(try readFile(path, limit: .max) == pattern(count))
        guard count > 0 else { return }
        let error = #expect(throws: FileError.self) { try readFile(path, limit: count - 1) }
        #expect(error == FileError(code: EFBIG, path: path, operation: "read"))
    }

    @Test func `a file whose length the system does not tell comes whole`() throws {
        #expect(try readFile("/proc/self/status", limit: 100_000).starts(with: "Name:".utf8))
    }

    @Test(arguments: [("/nowhere", ENOENT, "open"), ("/", EISDIR, "read")])
    func `what cannot be read is an error`(path: String, code: CInt, operation: String) {
        let error = #expect(throws: FileError.self) { try readFile(path, limit: 10) }
        #expect(error == FileError(code: code, path: path, operation: operation))
    }
}
