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
    private var repetition: Repetition
    private var followed = 0
    /// Why a redirect is not followed.
    private var failure: ClientError?

    /// What is sent again where a redirect leads to.
    private indirect enum Repetition {
        case none
        case allowed(ClientRequest)
    }

    init(_ request: ClientRequest, by client: HTTPClient) throws(ClientError) {
        self.client = client
        url = request.url
        repetition = request.redirects > 0 ? .allowed(request) : .none
        transfer = try client.begin(request, since: started)
    }

    /// Waits until the head of the response has arrived, or nothing will any more; ``response()`` tells.
    ///
    /// Cancelling the task ends the transfer, here and in the response's body.
    package func headArrived() async {
        repeat { await transfer.headArrived() } while isRedirected()
    }

    /// The response, once its head has arrived; its body is to be taken.
    ///
    /// Not part of waiting, which would take up memory for it all the while.
    ///
    /// - Throws: What went wrong, and whether the server can have received the request.
    package func response() throws(ClientError) -> ClientResponse {
        if let failure { throw failure }
        let head = try transfer.responseHead()
        return ClientResponse(
            status: head.status, fields: head.fields, finalURL: url, body: ResponseBody(of: transfer))
    }

    /// What is wrong with a response, for whoever reads it.
    package func error(_ kind: ClientError.Kind) -> ClientError { transfer.error(kind) }

    /// Goes where the response leads to; `false` when that is nowhere.
    @inline(never)
    private func isRedirected() -> Bool {
        do throws(ClientError) {
            return try follow()
        } catch {
            failure = error
            return false
        }
    }

    private func follow() throws(ClientError) -> Bool {
        guard case .allowed(let hop) = repetition,
            let next = try hop.redirected(by: transfer.responseHead(), from: transfer.url)
        else { return false }
        transfer.cancel()
        guard followed < hop.redirects else {
            throw hop.error(.tooManyRedirects(limit: hop.redirects), reached: .maybe, at: transfer.url)
        }
        followed += 1
        url = next.url
        repetition = .allowed(next)
        transfer = try client.begin(next, since: started)
        return true
    }
}
