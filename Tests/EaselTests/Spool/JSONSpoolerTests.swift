import Crypto
import JSON
import LibEvent
import Testing

@testable import Easel

struct JSONSpoolerTests {
    private let folder = TemporaryFolder()
    private let image = png(length: 20_000)

    /// Parses a text that comes in pieces of a length.
    private func parse(
        _ text: String, cutEvery length: Int = 4096, limit: Int = 1 << 20
    ) async throws -> (JSONValue, [SpooledFile]) {
        let spooler = JSONSpooler(in: try Spool(folder: folder.path), limit: limit)
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: length) {
            try await spooler.write(Array(bytes[start..<min(start + length, bytes.count)]))
        }
        return try await spooler.finish()
    }

    /// How a text fails.
    private func failure(of text: String, limit: Int = 1 << 20) async -> SpoolError? {
        do {
            _ = try await parse(text, limit: limit)
            return nil
        } catch {
            return error as? SpoolError
        }
    }

    @Test(
        arguments: ["", "data:image/png;base64,", "data:;base64,", "DATA:image/png;charset=x;BASE64,"], [1, 7, 4096])
    func `base64 becomes a file, wherever the text is cut`(prefix: String, length: Int) async throws {
        let text = #"{"a": "before", "image": "\#(prefix)\#(base64(image))", "z": "after"}"#
        let (value, files) = try await parse(text, cutEvery: length)
        #expect(value == ["a": "before", "image": .external(0), "z": "after"])
        let file = try #require(files.first)
        #expect(file.digest == SHA256.digest(of: image))
        #expect(file.image?.width == 8)
        #expect(try folder.names().count == 1)
    }

    @Test(arguments: [1, 5, 4096]) func `escapes inside base64 are no part of it`(length: Int) async throws {
        let escaped = base64(image).split(separator: "/", omittingEmptySubsequences: false).joined(separator: #"\/"#)
        #expect(escaped.contains(#"\/"#))
        let padded = escaped.replacing("=", with: #"\u003d"#)
        let (_, files) = try await parse(
            #"["data:image\/png;base64,\#(escaped)", "\#(padded)"]"#, cutEvery: length)
        #expect(files.map(\.digest) == Array(repeating: SHA256.digest(of: image), count: 2))
    }

    @Test func `several images keep their order`() async throws {
        let images = (0..<5).map { png(filler: "\($0)", length: 9_000 + $0) }
        let texts = images.map { #"{"b64_json": "\#(base64($0))"}"# }
        let (value, files) = try await parse(#"{"data": [\#(texts.joined(separator: ", "))]}"#)
        #expect(value["data"]?.array == (0..<5).map { ["b64_json": .external($0)] })
        #expect(files.map(\.digest) == images.map { SHA256.digest(of: $0) })
    }

    @Test(arguments: [
        String(repeating: "an otter, swimming. ", count: 600), String(repeating: "水獺", count: 6_000),
        "data:image/svg+xml," + String(repeating: "%3Csvg%3E", count: 2_000),
        "https://images.example.com/" + String(repeating: "a", count: 10_000),
    ])
    func `a long text that is no base64 stays text`(text: String) async throws {
        let (value, files) = try await parse(#"{"prompt": "\#(text)"}"#)
        #expect(value == ["prompt": .string(text)])
        #expect(files.isEmpty)
        #expect(try folder.names().isEmpty)
    }

    @Test func `a string too short to be worth a file stays text`() async throws {
        let text = base64(png())
        #expect(try await parse(#"{"image": "\#(text)"}"#).0 == ["image": .string(text)])
    }

    @Test func `images together have a limit, which the failure names`() async throws {
        let text = #"["\#(base64(image))", "\#(base64(image))"]"#
        #expect(try await parse(text, limit: image.count * 2).1.count == 2)
        guard case .tooLarge(let limit)? = await failure(of: text, limit: image.count * 2 - 1) else {
            Issue.record("no failure")
            return
        }
        #expect(limit == image.count * 2 - 1)
        #expect(try folder.names().isEmpty)
    }

    @Test func `files together have a limit of their own, since each is open`() async throws {
        let string = "\"\(base64(png(length: 6_500)))\""
        let most = Array(repeating: string, count: JSONSpooler.fileLimit).joined(separator: ",")
        #expect(try await parse("[\(most)]", limit: 4 << 20).1.count == JSONSpooler.fileLimit)
        guard case .malformed(let reason)? = await failure(of: "[\(most),\(string)]", limit: 4 << 20) else {
            Issue.record("no failure")
            return
        }
        #expect(reason.contains("more than \(JSONSpooler.fileLimit) images"))
        #expect(try folder.names().isEmpty)
    }

    @Test(arguments: ["*", "=", "===", " A"])
    func `base64 that breaks its alphabet is malformed, and leaves no file`(damage: String) async throws {
        let text = base64(image)
        let half = text.prefix(text.count / 2)
        guard case .malformed? = await failure(of: #"{"image": "\#(half)\#(damage)\#(text.dropFirst(half.count))"}"#)
        else {
            Issue.record("no failure")
            return
        }
        #expect(try folder.names().isEmpty)
    }

    @Test func `a text that ends inside an image is malformed, and leaves no file`() async throws {
        guard case .malformed(let reason)? = await failure(of: #"{"image": "\#(base64(image).prefix(15_000))"#) else {
            Issue.record("no failure")
            return
        }
        #expect(reason.contains("line 1"))
        #expect(try folder.names().isEmpty)
    }
}
