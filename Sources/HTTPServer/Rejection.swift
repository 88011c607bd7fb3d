package import HTTP

/// Why a message is no request that the server can hand on: what the client should be told.
package struct Rejection: Error, Sendable, Hashable {
    package let status: Status
    /// A constant name for programs: `invalid_field_name`.
    package let code: String
    /// A sentence for people: what is wrong, where, and what would be right.
    package let message: String

    package init(_ status: Status, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    init(_ code: String, _ message: String) { self.init(.badRequest, code, message) }
}

// MARK: - The request line

extension Rejection {
    static var tls: Rejection {
        Rejection("tls_on_plain_port", "this port speaks plain HTTP, not TLS; write http:// instead of https://")
    }

    static var bareLineFeed: Rejection {
        Rejection("invalid_line_ending", "a line of the head ends in LF alone; it has to end in CR LF")
    }

    static func requestLineTooLong(limit: Int) -> Rejection {
        Rejection(.uriTooLong, "request_line_too_long", "the request line is longer than \(limit) bytes")
    }

    static var requestLine: Rejection {
        Rejection(
            "invalid_request_line",
            "the request line is not a method, a target and a version with one space between each")
    }

    static var method: Rejection {
        Rejection("invalid_method", "the method has characters that are not allowed in a token")
    }

    static var connect: Rejection {
        Rejection(.notImplemented, "connect_not_supported", "CONNECT is for proxies, which this server is not")
    }

    static var target: Rejection {
        Rejection(
            "invalid_target",
            "the request target is neither a path nor an http URL of visible ASCII; percent-encode everything else")
    }

    static var malformedVersion: Rejection {
        Rejection("invalid_version", "the request line does not end in HTTP/1.1 or HTTP/1.0")
    }

    static var version: Rejection {
        Rejection(.versionNotSupported, "version_not_supported", "this server speaks HTTP/1.1 and HTTP/1.0")
    }
}

// MARK: - The fields

extension Rejection {
    static func headTooLarge(limit: Int) -> Rejection {
        Rejection(.headerFieldsTooLarge, "head_too_large", "the request's head is larger than \(limit) bytes")
    }

    static func tooManyFields(limit: Int) -> Rejection {
        Rejection(.headerFieldsTooLarge, "too_many_fields", "the request has more than \(limit) header fields")
    }

    static var foldedLine: Rejection {
        Rejection("folded_field", "a header line starts with a space; a field has to be on one line")
    }

    static var fieldName: Rejection {
        Rejection(
            "invalid_field_name",
            "a header line does not start with a field name and a colon, without spaces between them")
    }

    static func fieldValue(of name: String) -> Rejection {
        Rejection("invalid_field_value", "the value of the field '\(name)' has control characters")
    }

    static func host(_ problem: String) -> Rejection {
        Rejection("invalid_host", "the request \(problem); HTTP/1.1 asks for exactly one Host field")
    }

    static var contentLength: Rejection {
        Rejection(
            "invalid_content_length",
            "Content-Length is not one whole number; send it once, as digits")
    }

    static var lengthAndEncoding: Rejection {
        Rejection(
            "ambiguous_length", "the request has both Content-Length and Transfer-Encoding; send only one of them")
    }

    static var encodingInVersion10: Rejection {
        Rejection("ambiguous_length", "HTTP/1.0 has no Transfer-Encoding; send Content-Length, or use HTTP/1.1")
    }

    static var transferEncoding: Rejection {
        Rejection(
            .notImplemented, "transfer_encoding_not_supported",
            "the only Transfer-Encoding that this server knows is 'chunked', alone and once")
    }

    static var expectation: Rejection {
        Rejection(
            .expectationFailed, "expectation_not_supported",
            "the only expectation that this server knows is '100-continue'")
    }
}

// MARK: - The body, and time

extension Rejection {
    static var chunkSize: Rejection {
        Rejection("invalid_chunk_size", "a chunk does not start with its size as a hexadecimal number")
    }

    static var chunkExtension: Rejection {
        Rejection("invalid_chunk_extension", "a chunk's extensions are not ';name' or ';name=value'")
    }

    static func chunkLineTooLong(limit: Int) -> Rejection {
        Rejection("chunk_line_too_long", "the line that opens a chunk is longer than \(limit) bytes")
    }

    static func chunkExtensionsTooLong(limit: Int) -> Rejection {
        Rejection("chunk_extensions_too_long", "the body has more than \(limit) bytes of chunk extensions")
    }

    static var chunkEnd: Rejection {
        Rejection("invalid_chunk_end", "a chunk's data is not followed by CR LF; its size may be wrong")
    }

    static func trailersTooLarge(limit: Int) -> Rejection {
        Rejection(
            .headerFieldsTooLarge, "trailers_too_large", "the fields after the body are larger than \(limit) bytes")
    }

    static func headTimeout(_ limit: Duration) -> Rejection {
        Rejection(
            .requestTimeout, "request_timeout",
            "the request's head was not complete within \(limit.components.seconds) seconds")
    }
}
