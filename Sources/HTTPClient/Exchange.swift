package import LibEvent

/// A request under way to the head of its response, over however many redirects.
///
/// Of the request it keeps only what a redirect may need: many wait for an answer for minutes.
@EventLoop
package final class Exchange {
    private let client: HTTPClient
    private let started = ContinuousClock.now
    private var transfer: Transfer
    private var url: String
    /// What is sent again where a redirect leads to; `nil` when none may be followed.
    private var repeatable: ClientRequest?
    private var followed = 0

    init(_ request: ClientRequest, by client: HTTPClient) throws(ClientError) {
        self.client = client
        url = request.url
        repeatable = request.redirects > 0 ? request : nil
        transfer = try client.begin(request, since: started)
    }

    /// Waits for the head of the response.
    ///
    /// Cancelling the task ends the transfer, here and in the response's body.
    ///
    /// - Throws: What went wrong, and whether the server can have received the request.
    package func response() async throws(ClientError) -> ClientResponse {
        repeat { await transfer.headArrived() } while try isRedirected()
        let head = try transfer.responseHead()
        return ClientResponse(
            status: head.status, fields: head.fields, finalURL: url, body: ResponseBody(of: transfer))
    }

    /// Goes where the response leads to; `false` when it is the answer.
    private func isRedirected() throws(ClientError) -> Bool {
        guard let hop = repeatable, let next = try hop.redirected(by: transfer.responseHead(), from: transfer.url)
        else { return false }
        transfer.cancel()
        guard followed < hop.redirects else {
            throw hop.error(.tooManyRedirects(limit: hop.redirects), reached: .maybe, at: transfer.url)
        }
        followed += 1
        url = next.url
        repeatable = next
        transfer = try client.begin(next, since: started)
        return true
    }
}
