import Crypto
import HTTP
import HTTPServer
import JSON
import LibEvent
import Support
import Testing

@testable import Easel

/// What makes two requests the same, through the whole reading of them.
@Suite(.onEventLoop)
struct FingerprintTests {
    /// The fingerprint of the job that a request becomes.
    @EventLoop private func fingerprint(
        _ parts: Parts, _ key: Secret, _ body: [UInt8], path: String = "/v1/images/edits", type: String? = nil,
        fields: Fields = [:]
    ) async throws -> Digest {
        var fields = fields
        fields["content-type"] = type
        let response = try await parts.send(.post, path, key: key, fields: fields, body: body)
        try #require(response.status == .ok)
        let story = try await parts.ledger.job(response.fields["x-request-id"] ?? "")
        return try #require(story?.job.fingerprint)
    }

    private func json(_ members: String) -> [UInt8] { Array("{\(members)}".utf8) }

    private func form(_ boundary: String, _ parts: [(String, [UInt8])]) -> [UInt8] {
        parts.flatMap { name, bytes in
            let isFile = name.hasPrefix("image") || name.hasPrefix("mask")
            let file = isFile ? "; filename=\"\(boundary).png\"\r\nContent-Type: image/png" : ""
            return Array("--\(boundary)\r\nContent-Disposition: form-data; name=\"\(name)\"\(file)\r\n\r\n".utf8)
                + bytes + Array("\r\n".utf8)
        } + Array("--\(boundary)--\r\n".utf8)
    }

    private static let base = #""prompt": "an otter", "size": "64x64""#

    @Test @EventLoop func `forms and JSON of equal meaning have one fingerprint`() async throws {
        let parts = try Parts()
        let key = try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now).key
        let image = try await Self.picture(parts, key)
        let uri = "data:image/png;base64,\(base64(image))"
        let text = { (text: String) in Array(text.utf8) }
        let equal = [
            try await fingerprint(
                parts, key, json(#"\#(Self.base), "n": 2, "seed": 7, "pet": 7, "image": "\#(base64(image))""#)),
            try await fingerprint(
                parts, key,
                json(#""images":[{"image_url":"\#(uri)"}],"pet":"7","seed":7,"batch_size":2,\#(Self.base),"user":null"#)
            ),
            try await fingerprint(
                parts, key,
                form(
                    "a",
                    [
                        ("prompt", text("an otter")), ("size", text("64x64")), ("n", text("2")), ("seed", text("7")),
                        ("image", image), ("pet", text("7")),
                    ]), type: "multipart/form-data; boundary=a"),
            try await fingerprint(
                parts, key,
                form(
                    "another-boundary",
                    [
                        ("image[]", image), ("pet", text("7")), ("seed", text("7")), ("prompt", text("an otter")),
                        ("n", text("2")), ("width", text("64")), ("height", text("64")), ("model", text("sandbox")),
                        ("user", []),
                    ]), path: "/v1/images/generations", type: "multipart/form-data; boundary=another-boundary"),
        ]
        #expect(Set(equal).count == 1)
        await parts.close()
    }

    @Test @EventLoop func `whatever differs in meaning differs`() async throws {
        let parts = try Parts()
        let key = try await parts.ledger.createKey(name: "test", models: nil, at: parts.clock.now).key
        let image = base64(try await Self.picture(parts, key))
        let other = base64(try await Self.picture(parts, key, seed: 8))
        let path = "/v1/images/generations"
        var all: [Digest] = []
        for members in [
            Self.base, #""prompt": "an otter", "size": "1:1""#, #""prompt": "an  otter", "size": "64x64""#,
            #"\#(Self.base), "n": 2"#, #"\#(Self.base), "seed": 0"#, #"\#(Self.base), "seed": 1"#,
            #"\#(Self.base), "quality": "high""#, #"\#(Self.base), "response_format": "url""#,
            #"\#(Self.base), "model": "dall-e-3""#, #"\#(Self.base), "user": "me""#, #"\#(Self.base), "pet": "cat""#,
            #"\#(Self.base), "pet": "dog""#, #"\#(Self.base), "pet": {"name": "dog"}"#, #"\#(Self.base), "cat": "pet""#,
            #"\#(Self.base), "image": "\#(image)""#, #"\#(Self.base), "image": "\#(other)""#,
            #"\#(Self.base), "image": ["\#(image)", "\#(other)"]"#,
            #"\#(Self.base), "image": ["\#(other)", "\#(image)"]"#,
        ] {
            all.append(try await fingerprint(parts, key, json(members), path: path))
        }
        // The alias alone makes no difference, but it decides how images are handed over.
        #expect(Set(all).count == all.count - 1)
        #expect(all[7] == all[8])
        all.append(try await fingerprint(parts, key, json(Self.base), path: path, fields: ["easel-strict": "true"]))
        #expect(all.last != all.first)
        await parts.close()
    }

    @Test @EventLoop func `objects are equal in any order of their members, and lists are not`() async throws {
        let values = { (value: JSONValue) in
            let reader = OrderReader(RequestValues(entries: [("pet", .json(value))]))
            return reader.values(of: reader.unknownNames)
        }
        #expect(values(["a": 1, "b": [1, 2]]) == values(["b": [1, 2], "a": 1]))
        #expect(values(["a": [1, 2]]) != values(["a": [2, 1]]))
        #expect(values(nil).isEmpty)
        #expect(values("").isEmpty)
    }

    @EventLoop private static func picture(_ parts: Parts, _ key: Secret, seed: Int = 7) async throws -> [UInt8] {
        let body = #"{"prompt": "a", "size": "64x64", "seed": \#(seed), "response_format": "url"}"#
        let made = try await parts.send(.post, "/v1/images/generations", key: key, body: Array(body.utf8))
        let link = try #require(try await made.json()["data"]?.array?.first?["url"]?.string)
        return try await parts.send(.get, String(link.dropFirst("http://127.0.0.1:8080".count))).bytes()
    }
}
