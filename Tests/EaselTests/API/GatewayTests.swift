import Crypto
import Files
import HTTP
import HTTPServer
import JSON
import LibEvent
import SQLite
import Support
import Testing

@testable import Easel

/// Requests to the gateway, without a socket.
@Suite(.onEventLoop)
struct GatewayTests {
    @EventLoop private func key(_ parts: Parts, models: [String]? = nil) async throws -> Secret {
        try await parts.ledger.createKey(name: "test", models: models, at: parts.clock.now).key
    }

    private func order(_ members: String) -> [UInt8] { Array("{\(members)}".utf8) }

    // MARK: Who asks, and for what

    @Test @EventLoop func `an error has all four members, and its request an id`() async throws {
        let parts = try Parts()
        let response = try await parts.send(.get, "/v1/nothing")
        #expect(response.status == .notFound)
        #expect(response.fields["content-type"] == "application/json")
        #expect(response.fields["cache-control"] == "no-store")
        let error = try #require(try await response.json()["error"]?.object)
        #expect(error.members.map(\.name) == ["message", "type", "param", "code"])
        let message = try #require(error["message"]?.string)
        #expect(message.hasPrefix("Invalid URL (GET /v1/nothing). Images are made at /v1/images/generations"))
        #expect(error["type"] == "invalid_request_error")
        #expect(error["param"] == .null)
        #expect(error["code"] == "unknown_url")
        await parts.close()
    }

    @Test(
        arguments: [
            (.get, "/v1/nothing"), (.get, "/healthz"), (.get, "/"), (.options, "/v1/images/edits"),
            (.get, "/v1/models"),
            (.put, "/v1/models"), (.get, "/files/x.png"), (.post, "/v1/images/generations"),
            (.get, "/v1/images/jobs/req_1"),
        ] as [(HTTP.Method, String)])
    @EventLoop func `every answer has the id of its request, and no two the same`(
        method: HTTP.Method, target: String
    ) async throws {
        let parts = try Parts()
        let ids = try await [1, 2].asyncMap { _ in try await parts.send(method, target).fields["x-request-id"] ?? "" }
        #expect(ids.allSatisfy { $0.hasPrefix("req_") && $0.count == 36 })
        #expect(ids[0] != ids[1])
        await parts.close()
    }

    @Test @EventLoop func `a wrong method is told which would be right`() async throws {
        let parts = try Parts()
        let response = try await parts.send(.get, "/v1/images/generations")
        #expect(response.status == .methodNotAllowed)
        #expect(response.fields["allow"] == "POST, OPTIONS")
        #expect(try await parts.send(.delete, "/healthz").fields["allow"] == "GET, HEAD, OPTIONS")
        #expect(try await parts.send(.head, "/healthz").status == .ok)
        await parts.close()
    }

    @Test(arguments: ["/v1/models", "/v1/models/sandbox", "/v1/images/jobs/req_1"])
    @EventLoop func `a key is asked for, and a wrong one not repeated`(target: String) async throws {
        let parts = try Parts()
        let missing = try await parts.send(.get, target)
        #expect(missing.status == .unauthorized)
        #expect(missing.fields["www-authenticate"] == "Bearer")
        #expect(try await missing.json()["error"]?["code"] == .null)
        let guess = Secret("sk-easel-abcdefghijklmnopqrstuvwxyz")
        let wrong = try await parts.send(.get, target, key: guess)
        #expect(wrong.status == .unauthorized)
        #expect(try await wrong.json()["error"]?["code"] == "invalid_api_key")
        #expect(try await !wrong.text().contains(guess.reveal()))
        #expect(!parts.lines.text.contains("abcdefgh"))
        await parts.close()
    }

    @Test @EventLoop func `a wrong key is told before the body is read`() async throws {
        let parts = try Parts()
        let body = RequestBody([UInt8](repeating: 0x20, count: 1000))
        let response = await parts.gateway.respond(
            to: Request(method: .post, target: "/v1/images/edits"), body: body,
            peer: Peer(address: try SocketAddress("127.0.0.1:9")))
        #expect(response.status == .unauthorized)
        #expect(body.count == 0)
        await parts.close()
    }

    @Test @EventLoop func `a key counts, and stops counting, within half a second`() async throws {
        let parts = try Parts()
        let (record, key) = try await parts.ledger.createKey(name: "a", models: nil, at: parts.clock.now)
        #expect(try await parts.send(.get, "/v1/models", key: key).status == .ok)
        _ = try await parts.ledger.revokeKey(record.id, at: parts.clock.now)
        parts.clock.advance(by: .milliseconds(499))
        #expect(try await parts.send(.get, "/v1/models", key: key).status == .ok)
        parts.clock.advance(by: .milliseconds(1))
        #expect(try await parts.send(.get, "/v1/models", key: key).status == .unauthorized)

        // The same for one that was asked for too early.
        let text = "sk-easel-early"
        #expect(try await parts.send(.get, "/v1/models", key: Secret(text)).status == .unauthorized)
        try await parts.ledger.database.write { connection in
            try connection.run(
                "UPDATE keys SET hash = ?, revoked_at = NULL", [.blob(SHA256.digest(of: Array(text.utf8)).bytes)])
        }
        parts.clock.advance(by: .milliseconds(500))
        #expect(try await parts.send(.get, "/v1/models", key: Secret(text)).status == .ok)
        await parts.close()
    }

    @Test @EventLoop func `a clock that is set back does not make a revoked key last`() async throws {
        let parts = try Parts()
        let (record, key) = try await parts.ledger.createKey(name: "a", models: nil, at: parts.clock.now)
        #expect(try await parts.send(.get, "/v1/models", key: key).status == .ok)
        _ = try await parts.ledger.revokeKey(record.id, at: parts.clock.now)
        parts.clock.advance(by: .seconds(-3600))
        #expect(try await parts.send(.get, "/v1/models", key: key).status == .unauthorized)
        await parts.close()
    }

    @Test @EventLoop func `a browser may call it from any page`() async throws {
        let parts = try Parts()
        let preflight = try await parts.send(
            .options, "/v1/images/generations",
            fields: [
                "origin": "https://app.example", "access-control-request-headers": "authorization, x-stainless-os",
            ])
        #expect(preflight.status == .noContent)
        #expect(preflight.fields["access-control-allow-origin"] == "*")
        #expect(preflight.fields["access-control-allow-headers"] == "authorization, x-stainless-os")
        let error = try await parts.send(.get, "/v1/models", fields: ["origin": "https://app.example"])
        #expect(error.fields["access-control-allow-origin"] == "*")
        #expect(error.fields["access-control-expose-headers"]?.contains("x-request-id") == true)
        #expect(try await parts.send(.get, "/v1/models").fields["access-control-allow-origin"] == nil)
        await parts.close()
    }

    // MARK: Models

    @Test @EventLoop func `models are those the key may use, aliases included`() async throws {
        let parts = try Parts(
            """
            providers: {offline: {dialect: sandbox}}
            models:
              otter: {routes: [{provider: offline}]}
              seal: {routes: [{provider: offline, price: 0.5}]}
            aliases: {dall-e-3: otter, gpt-image-1: seal}
            """)
        let (all, one) = (try await key(parts), try await key(parts, models: ["seal"]))
        let names = { (key: Secret) in
            try await parts.send(.get, "/v1/models", key: key).json()["data"]?.array?.compactMap { $0["id"]?.string }
        }
        #expect(try await names(all) == ["otter", "seal", "dall-e-3", "gpt-image-1"])
        #expect(try await names(one) == ["seal", "gpt-image-1"])

        let seal = try await parts.send(.get, "/v1/models/gpt-image-1", key: one).json()
        #expect(seal["id"] == "gpt-image-1")
        #expect(seal["object"] == "model")
        #expect(seal["easel"]?["routes"]?.array?.first?["price"] == 0.5)
        let otter = try await parts.send(.get, "/v1/models/otter", key: one)
        #expect(otter.status == .notFound)
        #expect(try await !otter.text().contains("Did you mean 'otter'"))
        let slip = try await parts.send(.get, "/v1/models/seall", key: one).json()
        #expect(slip["error"]?["message"]?.string?.contains("Did you mean 'seal'?") == true)
        #expect(slip["error"]?["param"] == "model")
        await parts.close()
    }

    @Test(arguments: [
        (#""prompt": "p", "model": "sandbix""#, 404, "model_not_found", "model"),
        (#""model": "sandbox""#, 400, "missing_required_parameter", "prompt"),
        (#""prompt": "p", "n": 0"#, 400, "integer_below_min_value", "n"),
        (
            #""prompt": "p", "image": "https://a", "images": [{"file_id": "f"}]"#, 400, "invalid_value",
            "images[0].file_id"
        ),
        (#""prompt": "p", "response_format": "tiff""#, 400, "invalid_value", "response_format"),
        (#""prompt": "p", "image": "not base64!""#, 400, "invalid_image_url", "image"),
        (#""prompt": "p", "image": "AAAA""#, 400, "invalid_image_file", "image"),
    ])
    @EventLoop func `an order that cannot be taken names the parameter, and buys nothing`(
        members: String, status: Int, code: String, parameter: String
    ) async throws {
        let parts = try Parts()
        let response = try await parts.send(
            .post, "/v1/images/generations", key: try await key(parts), body: order(members))
        #expect(response.status.rawValue == status)
        let error = try await response.json()["error"]
        #expect(error?["code"]?.string == code)
        #expect(error?["param"]?.string == parameter)
        #expect(try await parts.ledger.jobs(limit: 9).isEmpty)
        await parts.close()
    }

    @Test(arguments: [
        ("{", "application/json", 400), ("[]", "application/json", 400), ("", "application/json", 400),
        ("--x", "multipart/form-data; boundary=x", 400), ("{}", "image/png", 415),
        (#"{"prompt": "p"}"#, "text/plain", 200), (#"{"prompt": "p"}"#, "application/x-www-form-urlencoded", 200),
    ])
    @EventLoop func `a body that is not what it says is told so`(body: String, type: String, status: Int) async throws {
        let parts = try Parts()
        let response = try await parts.send(
            .post, "/v1/images/generations", key: try await key(parts), fields: ["content-type": type],
            body: Array(body.utf8))
        #expect(response.status.rawValue == status)
        await parts.close()
    }

    @Test @EventLoop func `a body over the limit names the setting`() async throws {
        let parts = try Parts(Parts.sandbox + "\nlimits: {body: 1KB}")
        let response = try await parts.send(
            .post, "/v1/images/generations", key: try await key(parts),
            body: order(#""prompt": "\#(String(repeating: "a ", count: 600))""#))
        #expect(response.status == .contentTooLarge)
        #expect(try await response.text().contains("limits.body"))
        await parts.close()
    }

    // MARK: Images

    @Test @EventLoop func `an image is made, stored, and served under a lasting link`() async throws {
        let parts = try Parts()
        let response = try await parts.send(
            .post, "/v1/images/generations", key: try await key(parts),
            body: order(#""prompt": "an otter", "size": "96x64", "n": 2, "seed": 7, "response_format": "url""#))
        #expect(response.status == .ok)
        let json = try await response.json()
        let id = try #require(response.fields["x-request-id"])
        #expect(json["easel"]?["id"]?.string == id)
        #expect(json["easel"]?["cost"]?.number == 0)
        #expect(json["easel"]?["seed"] == 7)
        #expect(json["size"] == "96x64")
        #expect(json["output_format"] == "png")
        #expect(json["created"]?.int64 == parts.clock.now.seconds)
        let links = try #require(json["data"]?.array?.compactMap { $0["url"]?.string })
        #expect(links.count == 2)
        for (index, link) in links.enumerated() {
            #expect(link.hasPrefix("http://127.0.0.1:8080/files/"))
            let file = try await parts.send(.get, String(link.dropFirst("http://127.0.0.1:8080".count)))
            #expect(file.status == .ok)
            let digest = json["easel"]?["images"]?.array?[index]["sha256"]?.string
            #expect(try await SHA256.digest(of: file.bytes()).description == digest)
        }
        let story = try #require(try await parts.ledger.job(id))
        #expect(story.job.state == .done)
        #expect(story.images.count == 2)
        #expect(story.job.requestLength > 50)
        await parts.close()
    }

    @Test @EventLoop func `b64_json is the stored bytes, and the length is known before`() async throws {
        let parts = try Parts()
        let response = try await parts.send(
            .post, "/v1/images/generations", key: try await key(parts),
            body: order(#""prompt": "an otter", "size": "64x64", "n": 2, "response_format": "b64_json""#))
        let text = try await response.bytes()
        guard case .stream(_, let length) = response.body else {
            Issue.record("the body is not streamed")
            return
        }
        #expect(length == text.count)
        let json = try JSONValue(parsing: text)
        let story = try #require(try await parts.ledger.job(response.fields["x-request-id"] ?? ""))
        let stored = try await story.images.asyncMap { image -> String in
            guard case .bytes(let bytes)? = try await parts.ledger.image(token: image.token)?.blob.content else {
                return base64(try readFile(parts.blobs.path(of: image.blob.digest), limit: 1 << 20))
            }
            return base64(bytes)
        }
        #expect(stored.count == 2)
        #expect(json["data"]?.array?.compactMap { $0["b64_json"]?.string } == stored)
        #expect(json["easel"]?["provider"] == "offline")
        await parts.close()
    }

    @Test @EventLoop func `an image is edited, whether it came in a form or in JSON`() async throws {
        let parts = try Parts()
        let key = try await key(parts)
        let made = try await parts.send(
            .post, "/v1/images/generations", key: key,
            body: order(#""prompt": "a", "size": "64x64", "response_format": "b64_json""#))
        let image = try #require(try await made.json()["data"]?.array?.first?["b64_json"]?.string)
        let inJSON = try await parts.send(
            .post, "/v1/images/edits", key: key,
            body: order(#""prompt": "b", "images": [{"image_url": "data:image/png;base64,\#(image)"}]"#))
        #expect(inJSON.status == .ok)
        var decoder = Base64Decoder()
        var bytes: [UInt8] = []
        try decoder.decode(Array(image.utf8).span, into: &bytes)
        try decoder.finish(into: &bytes)
        let form =
            Array("--x\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nb\r\n--x\r\n".utf8)
            + Array("Content-Disposition: form-data; name=\"image[]\"; filename=\"a.png\"\r\n\r\n".utf8) + bytes
            + Array("\r\n--x--\r\n".utf8)
        let inForm = try await parts.send(
            .post, "/v1/images/edits", key: key, fields: ["content-type": "multipart/form-data; boundary=x"], body: form
        )
        #expect(inForm.status == .ok)
        #expect(try await parts.ledger.jobs(limit: 9).map(\.inputImages).sorted() == [0, 1, 1])
        #expect(
            try await parts.send(.post, "/v1/images/edits", key: key, body: order(#""prompt": "b""#)).status
                == .badRequest)
        #expect(try await eventually { try parts.folder.names(in: "spool").isEmpty })
        await parts.close()
    }

    @Test @EventLoop func `a variation is an edit without words, and a link unless asked for`() async throws {
        let parts = try Parts()
        let key = try await key(parts)
        let made = try await parts.send(.post, "/v1/images/generations", key: key, body: order(#""prompt": "a""#))
        let image = try #require(try await made.json()["data"]?.array?.first?["b64_json"]?.string)
        for (members, isLink) in [("", true), (#","response_format": "b64_json", "prompt": "wilder""#, false)] {
            let response = try await parts.send(
                .post, "/v1/images/variations", key: key,
                body: order(#""image": "data:image/png;base64,\#(image)", "size": "64x64""# + members))
            #expect(response.status == .ok)
            #expect(try await (response.json()["data"]?.array?.first?["url"] != nil) == isLink)
        }
        #expect(try await parts.ledger.jobs(limit: 9).map(\.inputImages).sorted() == [0, 1, 1])
        let without = try await parts.send(.post, "/v1/images/variations", key: key, body: order(""))
        #expect(try await without.json()["error"]?["param"] == "image")
        await parts.close()
    }

    @Test @EventLoop func `a default of the DALL·E era answers clients that name no model with links`() async throws {
        let parts = try Parts(Parts.sandbox.replacing("generate: sandbox", with: "generate: dall-e-3"))
        let response = try await parts.send(
            .post, "/v1/images/generations", key: try await key(parts), body: order(#""prompt": "a""#))
        #expect(try await response.json()["data"]?.array?.first?["url"] != nil)
        await parts.close()
    }

    @Test @EventLoop func `a model that a client wants deleted stays, and the answer says so`() async throws {
        let parts = try Parts()
        let key = try await key(parts)
        let deletion = try await parts.send(.delete, "/v1/models/sandbox", key: key)
        #expect(deletion.status == .ok)
        #expect(try await deletion.json()["id"] == "sandbox")
        #expect(try await deletion.json()["deleted"] == false)
        #expect(try await parts.send(.get, "/v1/models/sandbox", key: key).status == .ok)
        #expect(try await parts.send(.delete, "/v1/models/beaver", key: key).status == .notFound)
        #expect(try await parts.send(.delete, "/v1/models/sandbox").status == .unauthorized)
        await parts.close()
    }

    @Test @EventLoop func `a job is its own key's alone`() async throws {
        let parts = try Parts()
        let (mine, other) = (try await key(parts), try await key(parts))
        let made = try await parts.send(
            .post, "/v1/images/generations", key: mine, body: order(#""prompt": "a", "size": "64x64""#))
        let id = try #require(made.fields["x-request-id"])
        let job = try await parts.send(.get, "/v1/images/jobs/\(id)", key: mine)
        #expect(job.status == .ok)
        #expect(try await job.json()["state"] == "done")
        #expect(try await job.json()["object"] == "image.job")
        #expect(try await job.json()["data"]?.array?.count == 1)
        let stranger = try await parts.send(.get, "/v1/images/jobs/\(id)", key: other)
        let unknown = try await parts.send(.get, "/v1/images/jobs/req_0", key: mine)
        #expect([stranger.status, unknown.status] == [.notFound, .notFound])
        #expect(try await stranger.json()["error"]?["code"] == "job_not_found")
        await parts.close()
    }

    @Test @EventLoop func `a job that is under way says when to ask again`() async throws {
        let parts = try Parts()
        let (record, key) = try await parts.ledger.createKey(name: "a", models: nil, at: parts.clock.now)
        try await parts.ledger.accept(.example("req_1", key: record.id), .example("req_1"))
        let job = try await parts.send(.get, "/v1/images/jobs/req_1", key: key)
        #expect(job.status == .accepted)
        #expect(job.fields["retry-after"] == "2")
        #expect(try await job.json()["state"] == "submitted")
        await parts.close()
    }

    @Test @EventLoop func `a gateway whose books are closed says so, and is not ready`() async throws {
        let parts = try Parts()
        let key = try await key(parts)
        #expect(try await parts.send(.get, "/readyz").status == .ok)
        await parts.close()
        #expect(try await parts.send(.get, "/readyz").status == .internalServerError)
        #expect(try await parts.send(.get, "/healthz").status == .ok)
        #expect(try await parts.send(.get, "/v1/models", key: key).status == .internalServerError)
        #expect(try await parts.send(.get, "/files/x.png").status == .internalServerError)
        #expect(parts.lines.text.contains("cannot read the ledger"))
    }

    @Test @EventLoop func `what is no request gets an error of the same shape`() async throws {
        let parts = try Parts()
        let response = parts.gateway.response(to: Rejection(.badRequest, "invalid_target", "the target is wrong"))
        #expect(response.status == .badRequest)
        #expect(response.fields["x-request-id"]?.hasPrefix("req_") == true)
        #expect(try await response.json()["error"]?["code"] == "invalid_target")
        await parts.close()
    }
}

extension Response {
    /// The body's bytes, wherever they come from.
    @EventLoop func bytes() async throws -> [UInt8] {
        switch body {
        case .none: return []
        case .bytes(let bytes): return bytes
        case .file(let file, let range): return try await FileSource(file, path: "", range: range).collect()
        case .stream(let source, _): return try await source.collect()
        }
    }

    @EventLoop func text() async throws -> String { String(decoding: try await bytes(), as: UTF8.self) }

    @EventLoop func json() async throws -> JSONValue { try JSONValue(parsing: try await bytes()) }
}
