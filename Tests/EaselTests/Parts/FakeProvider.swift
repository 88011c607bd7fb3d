import HTTP
import HTTPServer
import JSON
import LibEvent

@testable import Easel

/// A provider on this machine that answers as a test scripts it, and counts what it was asked.
@EventLoop
final class FakeProvider: RequestHandler {
    struct Call: Sendable {
        /// From 1.
        let number: Int
        let request: Request
        let json: JSONValue?

        var path: String { String(request.path) }
    }

    typealias Script = @EventLoop @Sendable (Call) async -> Response

    private(set) var calls: [Call] = []
    private var script: Script
    private var server: Server?
    private(set) var url = ""

    init(_ script: @escaping Script) throws {
        self.script = script
        let server = try Server(on: SocketAddress("127.0.0.1:0"), handler: self)
        self.server = server
        url = "http://\(server.address)"
    }

    var paths: [String] { calls.map(\.path) }

    /// Breaks off every connection, and refuses new ones.
    ///
    /// Every test calls it, since a server and its handler keep each other, and a script may keep both.
    func stop() async {
        _ = await server?.stop(within: .zero)
        server = nil
        script = { _ in Response(.serviceUnavailable) }
    }

    func respond(to request: Request, body: RequestBody, peer: Peer) async -> Response {
        var bytes: [UInt8] = []
        while let part = try? await body.next() { bytes += part }
        let call = Call(number: calls.count + 1, request: request, json: try? JSONValue(parsing: bytes))
        calls.append(call)
        return await script(call)
    }

    func response(to rejection: Rejection) -> Response { Response(rejection.status) }

    func finished(_ exchange: Exchange) {}
}

/// A provider for its own script to speak of, without the two keeping each other.
@EventLoop
final class WeakProvider {
    weak var provider: FakeProvider?
}

// Answers of providers.
extension Response {
    /// An answer in OpenAI's form with images as base64.
    static func images(_ images: [UInt8]...) -> Response {
        .json(["data": .array(images.map { ["b64_json": .string(base64($0))] })])
    }

    /// An answer in OpenAI's form with images as links.
    static func links(_ urls: String...) -> Response {
        .json(["data": .array(urls.map { ["url": .string($0)] })])
    }

    static func failure(_ status: Int, code: String? = nil, _ message: String = "no") -> Response {
        .json(
            ["error": ["message": .string(message), "code": code.map(JSONValue.string) ?? .null]],
            status: Status(rawValue: status))
    }

    /// A picture as itself.
    static func picture(_ bytes: [UInt8]) -> Response {
        Response(.ok, fields: ["content-type": "image/png"], body: .bytes(bytes))
    }

    /// An answer whose connection breaks after some of its bytes.
    static func broken(after bytes: [UInt8], of length: Int) -> Response {
        Response(
            .ok, fields: ["content-type": "application/json"],
            body: .stream(ListedPieces([bytes], then: BrokenOff()), length: length))
    }
}

struct BrokenOff: Error {}
