package import Files
package import HTTP
package import LibEvent

/// What the server answers: a status, fields and a body of one of four kinds.
///
/// How the body's end is told (Content-Length, chunks, closing) is up to the connection, as are `Connection` and, if
/// there is none, `Date`: fields of these names are replaced.
package struct Response: Sendable {
    /// One word, as every function that waits for an answer keeps room for it.
    package indirect enum Body: Sendable {
        case none
        case bytes([UInt8])
        /// Part of a file, sent by the kernel; what lies outside the file is left out.
        case file(OpenFile, Range<Int>)
        /// Bytes as they are produced, each asked for when the client has taken those before. Without a length they
        /// go out in chunks. A source that throws, or gives another number of bytes, breaks the connection off.
        case stream(any ByteSource, length: Int?)

        /// Whether the bytes are still to be made, perhaps out of the request's body.
        var isStream: Bool {
            if case .stream = self { true } else { false }
        }
    }

    package var status: Status
    package var fields: Fields
    package var body: Body

    package init(_ status: Status, fields: Fields = [:], body: Body = .none) {
        self.status = status
        self.fields = fields
        self.body = body
    }
}
