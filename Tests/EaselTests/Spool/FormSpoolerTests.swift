import Crypto
import HTTP
import LibEvent
import Testing

@testable import Easel

struct FormSpoolerTests {
    private let folder = TemporaryFolder()
    private let image = png(length: 5_000)

    private struct Part {
        var name: String
        var filename: String?
        var bytes: [UInt8]
    }

    private func parse(_ parts: [Part], limit: Int = 1 << 20, cutEvery length: Int = 777) async throws
        -> [(name: String, value: RequestValues.Value)]
    {
        var body: [UInt8] = []
        for part in parts {
            let file = part.filename.map { #"; filename="\#($0)""# } ?? ""
            body += Array("--x\r\nContent-Disposition: form-data; name=\"\(part.name)\"\(file)\r\n\r\n".utf8)
            body += part.bytes + Array("\r\n".utf8)
        }
        body += Array("--x--\r\n".utf8)
        let type = try #require(MediaType("multipart/form-data; boundary=x"))
        let spooler = try FormSpooler(in: Spool(folder: folder.path), type: type, limit: limit)
        for start in stride(from: 0, to: body.count, by: length) {
            try await spooler.write(Array(body[start..<min(start + length, body.count)]))
        }
        return try await spooler.finish()
    }

    private func text(_ name: String, _ value: String) -> Part { Part(name: name, bytes: Array(value.utf8)) }

    private func file(_ name: String, _ bytes: [UInt8]) -> Part {
        Part(name: name, filename: "otter.png", bytes: bytes)
    }

    @Test(arguments: [1, 100, 1 << 20])
    func `files go to disk, texts stay in memory, in the order of the form`(length: Int) async throws {
        let other = png(filler: "other")
        let entries = try await parse(
            [text("prompt", "水獺"), file("image[]", image), text("n", "2"), file("image[]", other), file("mask", [])],
            cutEvery: length)
        #expect(entries.map(\.name) == ["prompt", "image[]", "n", "image[]", "mask"])
        let files = entries.compactMap { if case .file(let file) = $0.value { file } else { nil } }
        #expect(files.map(\.digest) == [image, other, []].map { SHA256.digest(of: $0) })
        #expect(files.map { $0.image?.height } == [8, 8, nil])
        guard case .text("水獺") = entries[0].value, case .text("2") = entries[2].value else {
            Issue.record("texts are not what was sent")
            return
        }
        #expect(try folder.names().count == 3)
    }

    @Test func `files together have a limit, which the failure names`() async throws {
        let parts = [file("image", image), file("image", image)]
        #expect(try await parse(parts, limit: image.count * 2).count == 2)
        await #expect {
            try await parse(parts, limit: image.count * 2 - 1)
        } throws: { error in
            if case SpoolError.tooLarge(image.count * 2 - 1) = error { true } else { false }
        }
        #expect(try folder.names().isEmpty)
    }

    @Test func `texts together have a limit, however many there are`() async throws {
        let half = String(repeating: "a", count: FormSpooler.textLimit / 2)
        #expect(try await parse([text("a", half), text("b", half)]).count == 2)
        await #expect {
            try await parse([text("a", half), text("b", half), text("c", "a")])
        } throws: { error in
            if case SpoolError.tooLarge(FormSpooler.textLimit) = error { true } else { false }
        }
    }

    @Test func `a form that breaks off is malformed, and leaves no file`() async throws {
        let type = try #require(MediaType("multipart/form-data; boundary=x"))
        do {
            let spooler = try FormSpooler(in: Spool(folder: folder.path), type: type, limit: 1000)
            let head = "--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\nabc"
            try await spooler.write(Array(head.utf8))
            await #expect(throws: SpoolError.self) { try await spooler.finish() }
        }
        #expect(try folder.names().isEmpty)
    }

    @Test func `a form without a boundary is malformed`() throws {
        let type = try #require(MediaType("multipart/form-data"))
        #expect(throws: SpoolError.self) { try FormSpooler(in: Spool(folder: folder.path), type: type, limit: 1000) }
    }
}
