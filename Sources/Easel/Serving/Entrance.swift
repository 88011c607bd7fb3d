import HTTP
import HTTPServer
import LibEvent

/// Where requests arrive: each goes to the gateway that is there when it comes, and is answered by that one.
@EventLoop
final class Entrance: RequestHandler {
    /// A reload puts another in its place; who is inside the old one is served there.
    var gateway: Gateway

    init(_ gateway: Gateway) { self.gateway = gateway }

    var current: any RequestHandler { gateway }

    func respond(to request: consuming Request, body: RequestBody, peer: Peer) async -> Response {
        await gateway.respond(to: consume request, body: body, peer: peer)
    }

    func response(to rejection: Rejection) -> Response { gateway.response(to: rejection) }

    func finished(_ exchange: Exchange) { gateway.finished(exchange) }
}
