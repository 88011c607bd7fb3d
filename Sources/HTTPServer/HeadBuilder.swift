import HTTP

/// Gathers a request's head line by line, and finds out how its body is framed.
struct HeadBuilder: Sendable {
    private var request = Request(method: .get, target: "/")
    private var minorVersion = 1
    private var fieldCount = 0
    private var hostCount = 0
    private var contentLength: Int?
    private var hasTransferEncoding = false
    private var isChunked = false
    private var wantsClose = false
    private var wantsKeepAlive = false
    private var expectsContinue = false

    /// An empty one, to be replaced by the first request line.
    init() {}

    /// Reads `method SP request-target SP HTTP-version` (RFC 9112, section 3).
    init(requestLine line: Span<UInt8>) throws(Rejection) {
        guard let first = line.firstIndex(of: .space), let last = line.lastIndex(of: .space), first < last else {
            throw .requestLine
        }
        minorVersion = try Self.minorVersion(line.extracting((last + 1)...))
        let method = line.extracting(..<first)
        guard !method.isEmpty, method.allSatisfy({ $0.isInToken }) else { throw .method }
        request.method = Method(rawValue: String(copyingText: method))
        request.target = try Self.target(line.extracting((first + 1)..<last), for: request.method)
        request.fields.reserveCapacity(16)
    }

    /// Takes in one field, and remembers those that say where the request ends.
    mutating func add(field line: Span<UInt8>, limit: Int) throws(Rejection) {
        fieldCount += 1
        guard fieldCount <= limit else { throw .tooManyFields(limit: limit) }
        let field = try FieldLine(line)
        let name = line.extracting(field.name)
        let value = line.extracting(field.value)
        // By length first: most fields are none of these.
        switch name.count {
        case 4 where name.equalsIgnoringASCIICase("host"):
            hostCount += 1
            guard value.allSatisfy({ $0.isHostCharacter }) else { throw .host("has an invalid Host field") }
        case 14 where name.equalsIgnoringASCIICase("content-length"):
            // Repeated is refused even if equal: a proxy before us may have used either.
            guard contentLength == nil, let length = value.decimal else { throw .contentLength }
            contentLength = length
        case 17 where name.equalsIgnoringASCIICase("transfer-encoding"):
            isChunked = !hasTransferEncoding && value.equalsIgnoringASCIICase("chunked")
            hasTransferEncoding = true
        case 10 where name.equalsIgnoringASCIICase("connection"):
            for option in String(copyingText: value).split(separator: ",").map(\.trimmingOptionalWhitespace) {
                if option.equalsIgnoringASCIICase("close") { wantsClose = true }
                if option.equalsIgnoringASCIICase("keep-alive") { wantsKeepAlive = true }
            }
        case 6 where name.equalsIgnoringASCIICase("expect"):
            guard value.equalsIgnoringASCIICase("100-continue") else { throw .expectation }
            expectsContinue = true
        default: break
        }
        request.fields.append(String(copyingText: name), String(copyingText: value))
    }

    /// The whole head, once its fields have been seen to agree with each other.
    consuming func finish() throws(Rejection) -> RequestHead {
        if minorVersion == 1 && hostCount == 0 { throw .host("has no Host field") }
        guard hostCount <= 1 else { throw .host("has more than one Host field") }
        var head = RequestHead(request: request, minorVersion: minorVersion)
        head.body = try body
        head.keepsAlive = minorVersion == 1 ? !wantsClose : wantsKeepAlive && !wantsClose
        head.expectsContinue = expectsContinue && minorVersion == 1
        return head
    }

    /// How the body is framed (RFC 9112, section 6.3), where there is only one way to read it.
    private var body: RequestHead.Body {
        get throws(Rejection) {
            guard hasTransferEncoding else { return contentLength.map { .length($0) } ?? .none }
            guard contentLength == nil else { throw .lengthAndEncoding }
            guard minorVersion == 1 else { throw .encodingInVersion10 }
            guard isChunked else { throw .transferEncoding }
            return .chunked
        }
    }

    private static func minorVersion(_ version: Span<UInt8>) throws(Rejection) -> Int {
        guard version.count == 8, version.extracting(..<5).equals("HTTP/"), version[6] == UInt8(ascii: "."),
            let major = version[5].decimalValue, let minor = version[7].decimalValue
        else { throw .malformedVersion }
        guard major == 1, minor <= 1 else { throw .version }
        return minor
    }

    /// Accepts a path, an absolute URL, and `*` for OPTIONS (RFC 9112, section 3.2).
    private static func target(_ target: Span<UInt8>, for method: Method) throws(Rejection) -> String {
        guard method.rawValue != "CONNECT" else { throw .connect }
        guard !target.isEmpty, target.allSatisfy({ $0.isTargetCharacter }) else { throw .target }
        let isPath = target[0] == UInt8(ascii: "/")
        let isServer = target.equals("*") && method == .options
        guard isPath || isServer || hasAuthority(target) else { throw .target }
        return String(copyingText: target)
    }

    private static func hasAuthority(_ target: Span<UInt8>) -> Bool {
        for scheme in ["http://", "https://"] where target.count > scheme.utf8.count {
            let authority = target[scheme.utf8.count]
            if target.extracting(..<scheme.utf8.count).equalsIgnoringASCIICase(scheme) {
                return authority != UInt8(ascii: "/") && authority != UInt8(ascii: "?")
            }
        }
        return false
    }
}

/// Where a field line's name and value are (RFC 9112, section 5).
struct FieldLine {
    let name: Range<Int>
    /// Without the spaces and tabs around it.
    let value: Range<Int>

    init(_ line: Span<UInt8>) throws(Rejection) {
        // Folding (RFC 9112, section 5.2), or a space between the request line and the first field.
        if line.count > 0 && line[0].isBlank { throw .foldedLine }
        var colon = 0
        while colon < line.count && line[colon].isInToken { colon += 1 }
        guard colon > 0, colon < line.count, line[colon] == UInt8(ascii: ":") else { throw .fieldName }
        let trimmed = line.extracting((colon + 1)...).trimmedRange
        name = 0..<colon
        value = (colon + 1 + trimmed.lowerBound)..<(colon + 1 + trimmed.upperBound)
        guard line.extracting(value).allSatisfy({ $0.isFieldCharacter }) else {
            throw .fieldValue(of: String(copyingText: line.extracting(name)))
        }
    }
}
