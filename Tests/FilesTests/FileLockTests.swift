import Testing

@testable import Files

struct FileLockTests {
    private let scratch = Scratch()

    @Test func `one holder at a time has the lock`() throws {
        let path = "\(scratch.path)/lock"
        var lock: FileLock? = try FileLock(path: path)
        let error = #expect(throws: FileError.self) { try FileLock(path: path) }
        #expect(error?.isLocked == true)
        lock = nil
        _ = try FileLock(path: path)
        withExtendedLifetime(lock) {}
    }

    @Test func `whether somebody has the lock can be asked without taking it`() throws {
        let path = "\(scratch.path)/lock"
        #expect(try !FileLock.isHeld(path: path))
        #expect(throws: FileError.self, "asking creates no file") { try readFile(path, limit: 1) }
        var lock: FileLock? = try FileLock(path: path)
        #expect(try FileLock.isHeld(path: path))
        #expect(try FileLock.isHeld(path: path))
        lock = nil
        #expect(try !FileLock.isHeld(path: path))
        _ = try FileLock(path: path)
        withExtendedLifetime(lock) {}
    }

    @Test func `its holder is known for as long as it holds it`() throws {
        let path = "\(scratch.path)/lock"
        #expect(try FileLock.holder(path: path) == nil)
        var lock: FileLock? = try FileLock(path: path)
        #expect(try FileLock.holder(path: path) == .current)
        #expect(throws: FileError.self) { try FileLock(path: path) }
        #expect(try FileLock.holder(path: path) == .current)
        lock = nil
        #expect(try FileLock.holder(path: path) == nil)
        withExtendedLifetime(lock) {}
    }

    @Test func `a holder that a crash left behind is none`() throws {
        let path = "\(scratch.path)/lock"
        let file = try TemporaryFile(in: scratch.path)
        try file.write(Array("12345\n".utf8))
        try file.commit(to: path, durable: false)
        #expect(try FileLock.holder(path: path) == nil)
    }

    @Test func `a lock in a folder that is not there is another failure`() {
        let error = #expect(throws: FileError.self) { try FileLock(path: "\(scratch.path)/missing/lock") }
        #expect(error?.isLocked == false)
    }
}
