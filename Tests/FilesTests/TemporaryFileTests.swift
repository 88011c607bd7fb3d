import Glibc
import Testing

@testable import Files

struct TemporaryFileTests {
    let scratch = Scratch()

    @Test func `a file that is not committed vanishes`() throws {
        var file: TemporaryFile? = try TemporaryFile(in: scratch.path)
        try file?.write(pattern(10))
        #expect(scratch.names.count == 1)
        #expect(scratch.names.allSatisfy(TemporaryFile.isTemporary))
        file = nil
        #expect(scratch.names == [])
    }

    @Test(arguments: [true, false])
    func `a committed file has its name and its bytes`(durable: Bool) throws {
        let bytes = pattern(300_000)
        do {
            let file = try TemporaryFile(in: scratch.path)
            try file.write(Array(bytes[..<100_000]))
            #expect(file.length == 100_000)
            try file.write(bytes.span.extracting(100_000..<300_000))
            #expect(file.length == 300_000)
            try file.commit(to: "\(scratch.path)/image.png", durable: durable)
        }
        #expect(scratch.names == ["image.png"])
        #expect(try readFile("\(scratch.path)/image.png", limit: 300_000) == bytes)
    }

    @Test func `a commit replaces the old file in one step`() throws {
        let path = try scratch.file("image.png", [1])
        let old = try OpenFile(path: path)
        let file = try TemporaryFile(in: scratch.path)
        try file.write([2, 3])
        #expect(try readFile(path, limit: 10) == [1])
        try file.commit(to: path, durable: true)
        #expect(try readFile(path, limit: 10) == [2, 3])
        #expect(try old.bytes(0..<1, path: path) == [1], "who has the old file open keeps it")
    }

    @Test(arguments: [true, false])
    func `several are committed at once, new names and old ones, and each hears how it went`(durable: Bool) throws {
        try scratch.file("old", [1])
        let files = try ["old", "new", "missing/name", "new"].enumerated().map { index, name in
            let file = try TemporaryFile(in: scratch.path)
            try file.write([UInt8(index + 2)])
            return (file, "\(scratch.path)/\(name)")
        }
        let failures = TemporaryFile.commit(files, durable: durable).map { result -> CInt? in
            if case .failure(let error) = result { error.code } else { nil }
        }
        #expect(failures == [nil, nil, ENOENT, nil])
        #expect(try readFile("\(scratch.path)/old", limit: 10) == [2])
        #expect(try readFile("\(scratch.path)/new", limit: 10) == [5])
    }

    @Test func `a file that has its name already may be committed once more`() throws {
        let file = try TemporaryFile(in: scratch.path)
        try file.write([7])
        for _ in 1...2 { try file.commit(to: "\(scratch.path)/image.png", durable: true) }
        #expect(scratch.names == ["image.png"])
        #expect(throws: FileError.self) { try file.commit(to: "\(scratch.path)/other.png", durable: true) }
    }

    @Test func `a file that an earlier try has linked but not flushed has one name in the end`() throws {
        let file = try TemporaryFile(in: scratch.path)
        try file.write([7])
        #expect(unsafe link(file.path, "\(scratch.path)/image.png") == 0)
        try file.commit(to: "\(scratch.path)/image.png", durable: true)
        #expect(scratch.names == ["image.png"])
    }

    @Test func `a commit that fails leaves nothing behind`() throws {
        do {
            let file = try TemporaryFile(in: scratch.path)
            let error = #expect(throws: FileError.self) {
                try file.commit(to: "\(scratch.path)/missing/image.png", durable: true)
            }
            #expect(error?.code == ENOENT)
            #expect(
                error?.description
                    == "cannot rename \(file.path) to \(scratch.path)/missing/image.png: No such file or directory")
        }
        #expect(scratch.names == [])
    }

    @Test func `a file that is kept stays under its own name`() throws {
        do {
            let file = try TemporaryFile(in: scratch.path)
            try file.write([7])
            file.keep()
        }
        #expect(scratch.names.count == 1)
    }

    @Test func `only this user may read it, and no two have one name`() throws {
        let files = try (0..<50).map { _ in try TemporaryFile(in: scratch.path) }
        #expect(Set(files.map(\.path)).count == 50)
        var status = stat()
        #expect(unsafe stat(files[0].path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test func `a folder that does not exist is named`() {
        let error = #expect(throws: FileError.self) { try TemporaryFile(in: "/nowhere") }
        #expect(error?.code == ENOENT)
        #expect(error?.description.hasPrefix("cannot open /nowhere/.temporary-") == true)
    }

    @Test func `a full disk is an error, not a loop`() throws {
        let full = try Descriptor(opening: "/dev/full", O_WRONLY)
        let (count, failure) = full.write(pattern(100).span)
        #expect(count == 0)
        #expect(failure == ENOSPC)
        #expect(
            FileError(code: ENOSPC, path: "/x/y", operation: "write").description
                == "cannot write /x/y: No space left on device; free some space on its disk")
    }

    @Test func `a write that comes in parts is finished`() async throws {
        // A pipe that does not block takes only what fits.
        let path = "\(scratch.path)/pipe"
        #expect(unsafe mkfifo(path, 0o600) == 0)
        defer { unsafe unlink(path) }
        let reader = try Descriptor(opening: path, O_RDONLY | O_NONBLOCK)
        let writer = try Descriptor(opening: path, O_WRONLY | O_NONBLOCK)
        let bytes = pattern(1_000_000)
        let (count, failure) = writer.write(bytes.span)
        #expect(failure == EAGAIN)
        #expect(try reader.read(upTo: bytes.count) == Array(bytes[..<count]))
    }
}
