/// Every bound that the server puts on its clients: bytes, counts and times.
package struct Limits: Sendable, Hashable {
    // MARK: Bytes and counts of a request's head

    /// Bytes of the request line, its CRLF included.
    package var requestLine = 16 << 10
    /// Bytes of the whole head: request line, fields and the empty line.
    package var head = 64 << 10
    /// Header fields of one request.
    package var fields = 200

    // MARK: Bytes of a chunked body's framing

    /// Bytes of one line that opens a chunk, extensions and CRLF included.
    package var chunkLine = 1 << 10
    /// Bytes of all chunk extensions of one body: they mean nothing here, and cost as much to read as data.
    package var chunkExtensions = 16 << 10
    /// Bytes of the fields after the last chunk, which are checked and then ignored.
    package var trailers = 8 << 10

    // MARK: Bytes held per connection

    /// Bytes received ahead of whoever reads them: a body nobody asked for yet, pipelined requests.
    ///
    /// A ``head`` that is larger is still taken in whole.
    package var input = 128 << 10
    /// Bytes of an answer that wait for the client to take them; whoever produces more waits too.
    package var output = 256 << 10
    /// Connections open at once.
    ///
    /// More wait in the kernel's backlog until one closes, which costs the server nothing.
    package var connections = 10_000

    // MARK: Times

    /// From the first byte of a request to the end of its head.
    ///
    /// Then: 408.
    package var headTime = Duration.seconds(30)
    /// Without a request, on a new connection or between two requests.
    ///
    /// Then the connection is closed without a word.
    package var idleTime = Duration.seconds(75)
    /// Without one more byte of a body that is asked for.
    package var bodyStall = Duration.seconds(60)
    /// Without one more byte of an answer taken by the client.
    package var writeStall = Duration.seconds(60)

    // MARK: What becomes of a body that nobody read

    /// Bytes of an unread body that are read and dropped so that the connection can serve the next request.
    package var discarded = 64 << 10
    /// Bytes read and dropped after the last answer.
    ///
    /// Closing while a client still sends makes the kernel answer with RST, upon which the client may lose the very
    /// answer that told it to stop. Many clients read only after they have sent everything, so this allows for the
    /// larger uploads; it costs bandwidth and no memory.
    package var lingerBytes = 64 << 20
    /// How long dropping may go on after the last answer.
    package var lingerTime = Duration.seconds(30)
    /// How long the client may send nothing at all meanwhile.
    package var lingerStall = Duration.seconds(5)

    package init() {}
}

/// The limits of a server, in one place for all its connections.
final class SharedLimits: Sendable {
    let value: Limits

    init(_ value: Limits) { self.value = value }
}
