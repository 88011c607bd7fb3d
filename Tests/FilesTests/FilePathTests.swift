import Testing

@testable import Files

struct FilePathTests {
    private let scratch = Scratch()

    @Test func `a path from the root stays as it is, and any other begins in the working folder`() {
        #expect(FilePath.absolute("/etc/easel.yaml") == "/etc/easel.yaml")
        #expect(FilePath.absolute("easel.yaml").hasPrefix("/"))
        #expect(FilePath.absolute("easel.yaml").hasSuffix("/easel.yaml"))
    }

    @Test func `a file is the same by any of its paths, whether it exists or not`() throws {
        let file = try TemporaryFile(in: scratch.path)
        try file.commit(to: "\(scratch.path)/file", durable: false)
        #expect(FilePath.areSame("\(scratch.path)/file", "\(scratch.path)/./file"))
        #expect(!FilePath.areSame("\(scratch.path)/file", "\(scratch.path)/other"))
        #expect(FilePath.areSame("missing.yaml", FilePath.absolute("missing.yaml")))
    }
}
