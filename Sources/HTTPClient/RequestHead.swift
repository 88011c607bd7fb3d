import CCurl
import HTTP

/// Where a request goes and the lines it begins with, once nothing in them can be mistaken for something else on the
/// wire.
///
/// An order's head serves the orders after it: they go to the same few addresses with the same fields all the time.
@safe
final class RequestHead {
    let url: TargetURL
    /// The fields in the notation of `CURLOPT_HTTPHEADER`, which libcurl reads for as long as a transfer lasts.
    private(set) var lines: UnsafeMutablePointer<curl_slist>?
    private let fields: Fields

    init(_ request: ClientRequest) throws(ClientError) {
        url = try request.checkedURL()
        fields = request.fields
        for line in request.fieldLines {
            guard let longer = unsafe curl_slist_append(lines, line) else {
                throw request.error(EasyHandle.OptionError(CURLE_OUT_OF_MEMORY), at: url)
            }
            unsafe lines = longer
        }
    }

    deinit { unsafe curl_slist_free_all(lines) }

    /// Whether an order to the same address can have the head of this one.
    func fits(_ order: ClientRequest) -> Bool { order.fields == fields }
}
