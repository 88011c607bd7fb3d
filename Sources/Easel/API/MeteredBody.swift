import HTTPServer
import LibEvent

/// A request's body whose bytes are held room for: all of them before the first where their number is announced, and as
/// they come where it is not.
@EventLoop
final class MeteredBody: ByteSource {
    private let body: RequestBody
    private let hold: BytesInFlight.Hold

    /// - Throws: That there is no room for the announced bytes: nothing has been read then.
    init(_ body: RequestBody, _ hold: BytesInFlight.Hold) throws(GatewayError) {
        self.body = body
        self.hold = hold
        // A body that announces more than is taken is refused for that.
        if let length = body.contentLength, length <= body.limit { try hold.grow(by: length) }
    }

    /// All of the body, where it has been received already; `nil` for any other.
    func whole() throws -> [UInt8]? { try body.whole() }

    var isExhausted: Bool { body.isExhausted }

    func next() async throws -> [UInt8]? { try await next(atLeast: 1) }

    func next(atLeast count: Int) async throws -> [UInt8]? {
        guard let bytes = try await body.next(atLeast: count) else { return nil }
        if body.contentLength == nil { try hold.grow(by: bytes.count) }
        return bytes
    }
}
