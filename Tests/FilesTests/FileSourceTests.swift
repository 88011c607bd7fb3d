import Glibc
import LibEvent
import Support
import Testing

@testable import Files

/// Everything a source gives, piece by piece.
@EventLoop
func pieces(of source: some ByteSource) async throws -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    while let piece = try await source.next() { pieces.append(piece) }
    return pieces
}

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct FileSourceTests {
    let scratch = Scratch()

    @Test(arguments: [0, 1, 131_071, 131_072, 131_073, 500_000])
    @EventLoop func `a file comes in pieces, none of them empty`(count: Int) async throws {
        let source = try await FileSource(path: try scratch.file("file", pattern(count)))
        #expect(source.length == count)
        let pieces = try await pieces(of: source)
        #expect(pieces.allSatisfy { !$0.isEmpty && $0.count <= FileSource.pieceLength })
        #expect(Array(pieces.joined()) == pattern(count))
        #expect(try await source.next() == nil)
    }

    @Test @EventLoop func `a file that is not in memory comes from the disk`() async throws {
        let path = try scratch.file("file", pattern(500_000))
        let descriptor = unsafe open(path, O_RDWR)
        fsync(descriptor)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        close(descriptor)
        #expect(Array(try await pieces(of: FileSource(path: path)).joined()) == pattern(500_000))
    }

    @Test(arguments: [0..<0, 0..<1, 999..<1_000, 1_000..<1_000, 100..<200_000, 131_072..<262_144])
    @EventLoop func `a range comes alone`(range: Range<Int>) async throws {
        let source = try await FileSource(path: try scratch.file("file", pattern(300_000)), range: range)
        #expect(source.length == range.count)
        #expect(Array(try await pieces(of: source).joined()) == Array(pattern(300_000)[range]))
    }

    @Test(arguments: [0..<11, 10..<11, -1..<5, 20..<30])
    @EventLoop func `a range beyond the file is refused`(range: Range<Int>) async throws {
        let path = try scratch.file("file", pattern(10))
        let error = await #expect(throws: FileError.self) { _ = try await FileSource(path: path, range: range) }
        #expect(error?.code == EINVAL)
        #expect(error?.description == "cannot read bytes \(range) of \(path): Invalid argument")
    }

    @Test @EventLoop func `a file that is missing is refused`() async {
        let error = await #expect(throws: FileError.self) { _ = try await FileSource(path: "/nowhere") }
        #expect(error?.code == ENOENT)
    }

    @Test @EventLoop func `a file that becomes shorter on the way is an error, however often it is asked`() async throws
    {
        let path = try scratch.file("file", pattern(200_000))
        let source = try await FileSource(path: path)
        #expect(try await source.next()?.count == FileSource.pieceLength)
        unsafe truncate(path, 150_000)
        for _ in 0..<2 {
            let error = await #expect(throws: FileError.self) { try await source.next() }
            #expect(error?.description == "cannot read all of \(path): No data available")
        }
    }

    @Test @EventLoop func `a file that is removed or grows on the way comes as it was`() async throws {
        let path = try scratch.file("file", pattern(200_000))
        let source = try await FileSource(path: path)
        unsafe truncate(path, 300_000)
        unsafe unlink(path)
        #expect(Array(try await pieces(of: source).joined()) == pattern(200_000))
    }
}
