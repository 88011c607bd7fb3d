package import HTTP

/// A request's head, and what it says about the bytes that follow.
package struct RequestHead: Sendable, Hashable {
    /// How the length of a request's body is told (RFC 9112, section 6.3).
    package enum Body: Sendable, Hashable {
        case none
        case length(Int)
        case chunked
    }

    package var request: Request
    /// The digit after `HTTP/1.`: 0 or 1.
    package var minorVersion: Int
    package var body = Body.none
    /// Whether the client wants the connection for further requests (RFC 9112, section 9.3).
    package var keepsAlive = false
    /// Whether the client waits for `100 Continue` before it sends the body (RFC 9110, section 10.1.1).
    package var expectsContinue = false
}
