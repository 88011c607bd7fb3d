import HTTP
import HTTPServer
import LibEvent
import Support
import Testing

/// A server on a free port whose answers a test makes up, and what it has reported.
@EventLoop
final class TestServer: RequestHandler {
    typealias Answer = @EventLoop @Sendable (Request, RequestBody) async -> Response

    private(set) var exchanges: [Exchange] = []
    /// Who sent each request, in order of arrival.
    private(set) var peers: [Peer] = []
    private let finishedOne = Wakeup()
    private let answer: Answer
    private var server: Server?

    init(
        limits: Limits = Limits(), answer: @escaping Answer = { _, _ in Response(.ok, body: .bytes(Array("ok".utf8))) }
    )
        throws
    {
        self.answer = answer
        server = try Server(on: SocketAddress("127.0.0.1:0"), limits: limits, handler: self)
    }

    func connect() throws -> RawClient {
        try RawClient(to: #require(server).address)
    }

    /// Stops the server; every test does, since it and its handler keep each other.
    @discardableResult
    func stop(within time: Duration = .zero) async -> Int {
        let count = await server?.stop(within: time) ?? 0
        server = nil
        return count
    }

    /// The reported exchanges, once there are so many.
    func exchanges(_ count: Int) async -> [Exchange] {
        while exchanges.count < count, await finishedOne.wait(until: .now.advanced(by: .seconds(10))) {}
        return exchanges
    }

    func respond(to request: Request, body: RequestBody, peer: Peer) async -> Response {
        peers.append(peer)
        return await answer(request, body)
    }

    func response(to rejection: Rejection) -> Response {
        Response(rejection.status, body: .bytes(Array(rejection.code.utf8)))
    }

    func finished(_ exchange: Exchange) {
        exchanges.append(exchange)
        finishedOne.signal()
    }
}

/// Answers as servers send them, without the Date field, which is another every second.
func withoutDates(_ answers: String) -> String {
    answers.replacing(#/Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n/#, with: "")
}

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Gives prepared parts, and then ends or fails.
@EventLoop
final class PreparedSource: ByteSource {
    private var parts: [[UInt8]]
    private let error: (any Error)?

    init(_ parts: [String], error: (any Error)? = nil) {
        self.parts = parts.map { bytes($0) }
        self.error = error
    }

    func next() async throws -> [UInt8]? {
        guard parts.isEmpty else { return parts.removeFirst() }
        if let error { throw error }
        return nil
    }
}
