import CCurl
import Glibc
import HTTP
import LibEvent

extension EasyHandle {
    /// How many bytes libcurl may hold of a body that goes out: a buffer as small as it allows for one that is small.
    private static let uploadBufferBytes = (least: 16 << 10, most: 128 << 10)

    /// How many bytes libcurl may receive at once.
    ///
    /// While a request waits for its answer, its buffer is memory that nobody has touched.
    static let receiveBufferBytes = 64 << 10

    /// Sets what is the same for every request of a client.
    func prepare(for client: HTTPClient) throws(OptionError) {
        try setErrorText()
        try set(CURLOPT_PATH_AS_IS, to: 1)
        try set(CURLOPT_PROTOCOLS_STR, to: "http,https")
        try set(CURLOPT_REDIR_PROTOCOLS_STR, to: "http,https")
        // HTTP/2 servers may refuse a stream, and libcurl would then send the request again by itself.
        try set(CURLOPT_HTTP_VERSION, to: Int(CURL_HTTP_VERSION_1_1))
        try set(CURLOPT_SUPPRESS_CONNECT_HEADERS, to: 1)
        try set(CURLOPT_ACCEPT_ENCODING, to: ClientRequest.acceptedEncoding)
        try set(CURLOPT_USERAGENT, to: client.userAgent)
        try set(CURLOPT_NOSIGNAL, to: 1)
        // Without it, a transfer that ends while its name is being resolved blocks the loop until that is done.
        try set(CURLOPT_QUICK_EXIT, to: 1)
        try set(CURLOPT_TCP_NODELAY, to: 1)
        try set(CURLOPT_TCP_KEEPALIVE, to: 1)
        // Only with the file alone does libcurl keep the parsed certificates; parsing them takes 20 ms of the loop.
        try set(CURLOPT_CAPATH, to: nil)
        try set(CURLOPT_MAXAGE_CONN, to: client.connections.maxIdleAge.milliseconds / 1000)
        // A proxy would look the name up itself, where no policy is asked.
        if client.addresses != .any { try set(CURLOPT_PROXY, to: "") }
        try set(CURLOPT_BUFFERSIZE, to: Self.receiveBufferBytes)
    }

    /// Sets what a request has of its own.
    func prepare(for request: ClientRequest, with head: RequestHead) throws(OptionError) {
        try setHead(head)
        try set(CURLOPT_CONNECTTIMEOUT_MS, to: request.limits.connect.milliseconds)
        try setBody(of: request)
        try set(CURLOPT_CUSTOMREQUEST, to: request.method.rawValue)
        if !request.decodes { try set(CURLOPT_HTTP_CONTENT_DECODING, to: 0) }
        isReusable = request.isShortOrder
    }

    private func setBody(of request: ClientRequest) throws(OptionError) {
        if request.method == .head { try set(CURLOPT_NOBODY, to: 1) }
        if let bytes = request.shortBody {
            try setBody(bytes)
        } else if let length = request.announcedLength {
            try set(CURLOPT_UPLOAD, to: 1)
            try set(CURLOPT_INFILESIZE_LARGE, toSize: length)
            let (least, most) = Self.uploadBufferBytes
            try set(CURLOPT_UPLOAD_BUFFERSIZE, to: min(max(length, least), most))
        }
    }
}

extension Duration {
    /// The time in whole milliseconds, at least one, and as many as libcurl takes.
    fileprivate var milliseconds: Int {
        let longest = Duration.milliseconds(Int32.max)
        let (seconds, attoseconds) = min(max(self, .milliseconds(1)), longest).components
        return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}
