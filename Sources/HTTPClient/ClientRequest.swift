package import HTTP
package import LibEvent

/// A request to another server.
package struct ClientRequest: Sendable {
    package enum Body: Sendable {
        case none
        case bytes([UInt8])
        /// A body as long as announced; a source that ends before or stands still fails the request.
        case stream(any ByteSource, length: Int)
    }

    package var method: Method
    /// An absolute `http` or `https` URL, sent byte for byte as it stands here: no dots resolved, nothing re-encoded.
    ///
    /// It may not contain a user name or password: they would end up in logs. Credentials go into `fields`.
    package var url: String
    /// The header fields, apart from those that say how the message is framed: the client writes these itself.
    package var fields: Fields
    package var body: Body
    package var limits: TransferLimits
    /// How many redirects a GET or HEAD may follow; beyond 0, one more is an error.
    ///
    /// At 0, and for every other method, a redirect is returned like any answer. On the way to another origin only the
    /// fields that say nothing about the caller go along, and `https` never leads to `http`.
    package var redirects: Int
    /// Whether an encoded answer is decoded: on the loop, and to a thousand times its length.
    package var decodes: Bool

    package init(
        method: Method = .get, url: String, fields: Fields = [:], body: Body = .none,
        limits: TransferLimits = TransferLimits(), redirects: Int = 0, decodes: Bool = true
    ) {
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
        self.limits = limits
        self.redirects = redirects
        self.decodes = decodes
    }
}

/// How long the parts of a transfer may take, and how much it may bring.
package struct TransferLimits: Sendable, Hashable {
    /// From the start until the connection stands: name, TCP and TLS, and any wait for a free connection.
    package var connect: Duration
    /// From the last byte of the request to the last byte of the response's head: the server's time to think.
    package var head: Duration
    /// How long the body that is under way may stand still, the response's only while its reader waits for more.
    package var idle: Duration
    /// From the start to the last byte of the response, over all redirects and at the reader's pace.
    package var total: Duration?
    /// How long the response's body may be, in bytes, decoded.
    package var maxBodyBytes: Int

    package init(
        connect: Duration = .seconds(10), head: Duration = .seconds(60), idle: Duration = .seconds(30),
        total: Duration? = nil, maxBodyBytes: Int = 64 << 20
    ) {
        self.connect = connect
        self.head = head
        self.idle = idle
        self.total = total
        self.maxBodyBytes = maxBodyBytes
    }
}
