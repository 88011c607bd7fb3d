/// Bytes that come in pieces, taken at the pace of whoever wants them.
///
/// A request's body as it arrives, a download, a file being sent: the one shape for bodies in both directions, so
/// that backpressure reaches from one end of the gateway to the other.
@EventLoop
package protocol ByteSource: AnyObject, Sendable {
    /// The next bytes, never empty; `nil` once all have been given.
    ///
    /// - Throws: What cut the bytes short. A source that has thrown gives no more.
    func next() async throws -> [UInt8]?

    /// The next bytes, at least so many where the source can wait for them and its end does not come first.
    ///
    /// For whoever takes every piece to another thread, which costs more than a small piece is worth.
    func next(atLeast count: Int) async throws -> [UInt8]?

    /// Adds those of the next bytes that are at hand: none where ``next()`` has to wait for them, and at the end.
    ///
    /// Not while somebody waits for ``next()``.
    func fill(_ buffer: inout OutputRawSpan)

    /// Whether all bytes have been given, as far as is known without asking for more.
    var isExhausted: Bool { get }
}

extension ByteSource {
    package var isExhausted: Bool { false }

    package func next(atLeast count: Int) async throws -> [UInt8]? { try await next() }

    package func fill(_ buffer: inout OutputRawSpan) {}
}
