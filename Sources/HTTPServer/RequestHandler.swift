package import HTTP
package import LibEvent

/// Answers requests: the program behind the server.
@EventLoop
package protocol RequestHandler: AnyObject, Sendable {
    /// Who answers the next request: itself, unless it stands for others that come and go.
    var current: any RequestHandler { get }

    /// Answers one request.
    ///
    /// The task is cancelled when the connection breaks, so that what is waited for here ends. A client that closes only
    /// its sending side gets its answer; ``Peer/departure()`` tells of it. The answer may come before the body has been
    /// read, or without reading it at all. The request is handed over: nobody else keeps its fields until it is answered.
    func respond(to request: consuming Request, body: RequestBody, peer: Peer) async -> Response

    /// Puts into the program's own words why something was no request.
    func response(to rejection: Rejection) -> Response

    /// Hears of every exchange once its answer has been sent or given up.
    func finished(_ exchange: Exchange)
}

extension RequestHandler {
    package var current: any RequestHandler { self }
}

/// One request and its answer, as an access log tells them.
package struct Exchange: Sendable {
    /// Without its fields; `nil` if what came was no request.
    package let request: Request?
    package let peer: Peer
    package let status: Status
    /// The fields of the answer as the program gave them.
    package let answerFields: Fields
    /// Bytes on the wire, heads and framing included.
    package let receivedBytes: Int
    /// Bytes on the wire that the kernel took, heads and framing included.
    package let sentBytes: Int
    /// From the end of the request's head to the last byte of the answer.
    package let duration: Duration
    /// Whether the answer was sent whole.
    package let isComplete: Bool
    /// Whether the client left, or took nothing for too long, before the answer was sent whole.
    package let clientLeft: Bool
}
