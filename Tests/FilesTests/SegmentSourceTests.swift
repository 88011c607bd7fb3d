import Glibc
import HTTP
import LibEvent
import Support
import Testing

@testable import Files

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct SegmentSourceTests {
    let scratch = Scratch()

    private func base64(_ bytes: [UInt8]) -> [UInt8] {
        var encoder = Base64Encoder()
        var text: [UInt8] = []
        encoder.encode(bytes.span, into: &text)
        encoder.finish(into: &text)
        return text
    }

    @Test @EventLoop func `segments come one after the other, and their length is told before`() async throws {
        let image = pattern(200_001)
        let path = try scratch.file("image", image)
        let source = try await SegmentSource([
            .bytes(Array(#"{"image": "data:image/png;base64,"#.utf8)),
            .base64(path: path),
            .bytes(Array(#"", "raw": "#.utf8)),
            .file(path: path),
            .bytes([]),
            .file(path: path, range: 5..<10),
            .bytes([0x7D]),
        ])
        var expected = Array(#"{"image": "data:image/png;base64,"#.utf8)
        expected += base64(image)
        expected += Array(#"", "raw": "#.utf8)
        expected += image
        expected += image[5..<10]
        expected += [0x7D]
        #expect(source.length == expected.count)
        let pieces = try await pieces(of: source)
        #expect(Array(pieces.joined()) == expected)
        #expect(pieces.allSatisfy { !$0.isEmpty && $0.count <= FileSource.pieceLength })
        #expect(try await source.next() == nil)
    }

    @Test(arguments: [1, 7, 4_096, 1 << 20])
    @EventLoop func `what is at hand goes where it is wanted, the rest is asked for`(room: Int) async throws {
        let image = pattern(20_001)
        let path = try scratch.file("image", image)
        let source = try await SegmentSource([
            .bytes([1, 2, 3]), .file(path: path), .bytes([]), .file(path: path, range: 5..<5), .base64(path: path),
            .bytes([4]),
        ])
        var given = filled(by: source, room)
        #expect(!given.isEmpty)
        while let piece = try await source.next() {
            given += piece
            while case let more = filled(by: source, room), !more.isEmpty { given += more }
        }
        #expect(given == [1, 2, 3] + image + base64(image) + [4])
    }

    @EventLoop private func filled(by source: SegmentSource, _ capacity: Int) -> [UInt8] {
        unsafe withUnsafeTemporaryAllocation(byteCount: capacity, alignment: 1) { room in
            var output = unsafe OutputRawSpan(buffer: room, initializedCount: 0)
            source.fill(&output)
            let count = unsafe output.finalize(for: room)
            return unsafe Array(room[..<count])
        }
    }

    @Test(arguments: [0, 1, 2, 3, 98_303, 98_304, 98_305, 98_306, 196_608, 300_000])
    @EventLoop func `base64 knows no piece boundaries`(count: Int) async throws {
        let source = try await SegmentSource([.base64(path: try scratch.file("image", pattern(count)))])
        let text = Array(try await pieces(of: source).joined())
        #expect(text == base64(pattern(count)))
        #expect(source.length == text.count)
    }

    @Test @EventLoop func `no segments are no bytes`() async throws {
        for segments in [[], [Segment.bytes([])], [.file(path: try scratch.file("empty", []))]] {
            let source = try await SegmentSource(segments)
            #expect(source.length == 0)
            #expect(try await source.next() == nil)
        }
    }

    @Test(arguments: [Segment.file(path: "/nowhere"), .base64(path: "/nowhere")])
    @EventLoop func `a file that is missing is found out before anything is given`(segment: Segment) async {
        let error = await #expect(throws: FileError.self) { _ = try await SegmentSource([.bytes([1]), segment]) }
        #expect(error?.description == "cannot open /nowhere: No such file or directory")
    }

    @Test(arguments: [99, 100, 101])
    @EventLoop func `a file of another length than is known is not sent`(length: Int) async throws {
        let path = try scratch.file("image", pattern(length))
        do throws(FileError) {
            let source = try await SegmentSource([.base64(path: path, length: 100)])
            #expect(source.length == 136)
            #expect(length == 100)
        } catch {
            #expect(length != 100)
            #expect(error.description == "cannot read 100 bytes, of \(length), from \(path): Input/output error")
        }
    }

    @Test(arguments: [false, true])
    @EventLoop func `a file that becomes shorter on the way is an error`(isEncoded: Bool) async throws {
        let path = try scratch.file("image", pattern(200_000))
        let source = try await SegmentSource([isEncoded ? .base64(path: path) : .file(path: path), .bytes([1])])
        #expect(try await source.next()?.count == FileSource.pieceLength)
        unsafe truncate(path, 100_000)
        for _ in 0..<2 {
            let error = await #expect(throws: FileError.self) { try await source.next() }
            #expect(error?.code == ENODATA)
        }
    }

    @Test @EventLoop func `a length beyond all numbers is refused`() async throws {
        let path = try scratch.file("sparse", [])
        guard unsafe truncate(path, .max / 2) == 0 else { return }  // not every file system can
        let error = await #expect(throws: FileError.self) {
            _ = try await SegmentSource(.init(repeating: .base64(path: path), count: 2))
        }
        #expect(error?.code == EFBIG)
    }
}
