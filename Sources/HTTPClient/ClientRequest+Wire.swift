import CCurl
import HTTP

extension ClientRequest {
    /// The URL, once nothing in the request can be mistaken for something else on the wire.
    func checkedURL() throws(ClientError) -> TargetURL {
        guard method.rawValue.isToken else {
            throw ClientError(.invalidRequest("the method is not a token"), reached: .no, request: "a request")
        }
        let target: TargetURL
        do {
            target = try TargetURL(url)
        } catch {
            throw ClientError(.invalidURL(error.reason), reached: .no, request: method.rawValue)
        }
        if let name = unsendableField {
            let reason = "the header field \(name.debugDescription) cannot be sent"
            throw error(.invalidRequest(reason), reached: .no, at: target)
        }
        return target
    }

    /// The first field that would break the message or frame it differently, by name.
    private var unsendableField: String? {
        fields.all.first { field in
            !field.name.isToken || Self.framingFields.contains { $0.equalsIgnoringASCIICase(field.name) }
                || !field.value.isFieldValue
        }?.name
    }

    /// The fields in the notation of `CURLOPT_HTTPHEADER`: a name with a semicolon is a field without a value, a name
    /// with a colon one that libcurl leaves out.
    var fieldLines: [String] {
        // It would put the field it has of its own together for every request.
        ["Expect:"] + (fields["accept-encoding"] == nil ? ["Accept-Encoding: \(Self.acceptedEncoding)"] : [])
            // A form's type is what libcurl would call a body that has none.
            + (shortBody != nil && fields["content-type"] == nil ? ["Content-Type:"] : [])
            + fields.all.map { field in
                let value = field.value.trimmingOptionalWhitespace
                return value.isEmpty ? "\(field.name);" : "\(field.name): \(value)"
            }
    }

    /// Asks for no encoding; an answer that has one is understood all the same.
    static let acceptedEncoding = "identity"

    /// The `Content-Length` to send; `nil` for none.
    ///
    /// A method that expects a body gets one even if it is empty (RFC 9110, section 8.6).
    var announcedLength: Int? {
        switch body {
        case .bytes(let bytes) where !bytes.isEmpty: bytes.count
        case .stream(_, let length): max(length, 0)
        case .none, .bytes: ["POST", "PUT", "PATCH"].contains(method.rawValue) ? 0 : nil
        }
    }

    /// A body so short that libcurl takes it whole: it goes out with the head, and needs no buffer of libcurl's while
    /// the answer is waited for.
    var shortBody: [UInt8]? {
        guard case .bytes(let bytes) = body, (1...Self.longestShortBody).contains(bytes.count) else { return nil }
        return bytes
    }

    /// Whether it is what most orders are; all of them set the same options.
    var isShortOrder: Bool { method == .post && shortBody != nil }

    /// In bytes; what libcurl sends together with the head at most (its `MAX_INITIAL_POST_SIZE`) is four times that.
    private static let longestShortBody = 16 << 10

    /// Why an option that libcurl did not take keeps the request from being sent.
    func error(_ refused: EasyHandle.OptionError, at url: TargetURL) -> ClientError {
        let reason = unsafe String(cString: curl_easy_strerror(refused.code))
        return error(.other(code: refused.code.rawValue, reason), reached: .no, at: url)
    }

    func error(_ kind: ClientError.Kind, reached: ClientError.Reached, at url: TargetURL) -> ClientError {
        ClientError(kind, reached: reached, request: "\(method.rawValue) \(url.shown)")
    }

    /// The fields that say how a message is framed or how its connection is used (RFC 9110, sections 7 and 10.1.1).
    private static let framingFields = [
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]
}

extension String {
    /// Whether the text is a token (RFC 9110, section 5.6.2), as methods and the names of fields are.
    var isToken: Bool {
        let bytes = utf8Span.span
        for index in bytes.indices where !bytes[index].isInToken { return false }
        return !bytes.isEmpty
    }

    /// Whether a field can have the text as its value (RFC 9110, section 5.5).
    fileprivate var isFieldValue: Bool {
        let bytes = utf8Span.span
        for index in bytes.indices where bytes[index] < 0x20 && bytes[index] != 0x09 || bytes[index] == 0x7F {
            return false
        }
        return true
    }
}
