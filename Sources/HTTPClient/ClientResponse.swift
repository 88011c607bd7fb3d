package import HTTP
package import LibEvent

/// The head of a response, and its body to be taken.
package struct ClientResponse: Sendable {
    package let status: Status
    /// The header fields as they came.
    ///
    /// Should the server have encoded the body though it was asked not to, `Content-Encoding` and `Content-Length` speak
    /// of the encoded body, and `body` gives the decoded one unless the request said not to.
    package let fields: Fields
    /// Where the answer came from, after the redirects.
    package let finalURL: String
    /// The body as it arrives; it throws ``ClientError``, and whoever lets go of it ends the transfer.
    package let body: any ByteSource
}

/// The body of a response, which ends its transfer when nobody wants it any more.
@EventLoop
final class ResponseBody: ByteSource {
    private let transfer: Transfer

    init(of transfer: Transfer) {
        self.transfer = transfer
    }

    var isExhausted: Bool { transfer.isExhausted }

    func next() async throws -> [UInt8]? { try await next(atLeast: 1) }

    func next(atLeast count: Int) async throws -> [UInt8]? { try await transfer.nextPiece(atLeast: count) }

    isolated deinit {
        transfer.cancel()
    }
}
