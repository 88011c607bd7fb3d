import Crypto
import HTTP
import JSON
import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop)
struct SpoolTests {
    private let folder = TemporaryFolder()

    @Test func `opening it deletes what a crash left, and nothing else`() throws {
        try folder.write([1], to: ".temporary-0123456789abcdef0123456789abcdef")
        try folder.write([2], to: "notes.txt")
        _ = try Spool(folder: folder.path)
        #expect(try folder.names() == ["notes.txt"])
    }

    @Test @EventLoop func `a file is there as long as somebody has it`() async throws {
        let spool = try Spool(folder: folder.path)
        var file: SpooledFile? = try await spool.receiveFile(then: ListedPieces([png()]), limit: 1000)
        #expect(try folder.names().count == 1)
        #expect(file?.image?.mediaType == "image/png")
        file = nil
        #expect(try folder.names().isEmpty)
    }

    @Test @EventLoop func `a file that grows over its limit is refused, and gone`() async throws {
        let spool = try Spool(folder: folder.path)
        #expect(try await spool.receiveFile([1], then: ListedPieces([[2, 3]]), limit: 3).length == 3)
        await #expect {
            try await spool.receiveFile([1], then: ListedPieces([[2, 3], [4]]), limit: 3)
        } throws: { error in
            if case SpoolError.tooLarge(limit: 3) = error { true } else { false }
        }
        #expect(try folder.names().isEmpty)
    }

    @Test @EventLoop func `a source that breaks off leaves no file`() async throws {
        let spool = try Spool(folder: folder.path)
        await #expect(throws: BrokenOff.self) {
            try await spool.receiveFile(then: ListedPieces([png()], then: BrokenOff()), limit: 1000)
        }
        #expect(try folder.names().isEmpty)
    }

    @Test(arguments: [false, true])
    @EventLoop func `what is paid for waits for a disk that refuses even an empty file`(isJSON: Bool) async throws {
        let spool = try Spool(folder: folder.path + "/spool", log: Log(write: { _ in }))
        folder.rename("spool", to: "elsewhere")
        let image = png(length: 100_000)
        let source = ListedPieces([isJSON ? Array(#"["\#(base64(image))"]"#.utf8) : image])
        let reading = EventLoop.spawn {
            isJSON
                ? try await spool.receiveJSON(then: source, limit: 1 << 20, waitsForDisk: true).files
                : [try await spool.receiveFile(then: source, limit: 1 << 20, waitsForDisk: true)]
        }
        try await EventLoop.sleep(for: .milliseconds(150))
        folder.rename("elsewhere", to: "spool")
        #expect(try await reading.value.map(\.digest) == [SHA256.digest(of: image)])
    }

    @Test(arguments: ["", "data:image/png;base64,"])
    @EventLoop func `an image that came as text is decoded`(prefix: String) async throws {
        let spool = try Spool(folder: folder.path)
        let file = try await spool.decode(prefix + base64(png()), limit: 1000)
        #expect(file.digest == SHA256.digest(of: png()))
    }

    @Test(arguments: ["not base64!", "data:image/png,abc!", "="])
    @EventLoop func `a text that is no base64 is malformed`(text: String) async throws {
        let spool = try Spool(folder: folder.path)
        await #expect {
            try await spool.decode(text, limit: 1000)
        } throws: { error in
            if case SpoolError.malformed = error { true } else { false }
        }
    }

    @Test @EventLoop func `a file is finished once`() async throws {
        let spooler = FileSpooler(in: try Spool(folder: folder.path), limit: 10)
        _ = try await spooler.finish()
        await #expect(throws: SpoolError.self) { try await spooler.finish() }
    }

    @Test(arguments: [-1, 0, 1, 2], [1_000, 40_000])
    @EventLoop func `a JSON text is the same value on either side of the length that is parsed at once`(
        over: Int, piece: Int
    ) async throws {
        let spool = try Spool(folder: folder.path)
        let filler = String(repeating: " ", count: Spool.inlineLength + over - #"{"a":"b c"}"#.utf8.count)
        let json = try await spool.receiveJSON(
            then: ListedPieces(#"{"a":\#(filler)"b c"}"#, cutEvery: piece), limit: 1 << 20)
        #expect(json.value == ["a": "b c"])
        #expect(json.length == Spool.inlineLength + over)
    }

    @Test(arguments: [8_300, 100_000])
    @EventLoop func `an image in a JSON text arrives either as text or as a file`(length: Int) async throws {
        let spool = try Spool(folder: folder.path)
        let image = png(length: length)
        let text = #"{"image":"\#(base64(image))"}"#
        let json = try await spool.receiveJSON(then: ListedPieces(text, cutEvery: 4096), limit: 1 << 20)
        let isLarge = text.utf8.count > Spool.inlineLength
        #expect(json.value["image"] == (isLarge ? .external(0) : .string(base64(image))))
        #expect(json.files.map(\.digest) == (isLarge ? [SHA256.digest(of: image)] : []))
    }

    @Test @EventLoop func `a JSON text over its limit is refused, however it is cut`() async throws {
        let spool = try Spool(folder: folder.path)
        let text = "[\(String(repeating: "1,", count: 50_000))1]"
        for piece in [1_000, 200_000] {
            await #expect {
                try await spool.receiveJSON(then: ListedPieces(text, cutEvery: piece), limit: 100_000)
            } throws: { error in
                if case SpoolError.tooLarge(limit: 100_000) = error { true } else { false }
            }
        }
    }
}
