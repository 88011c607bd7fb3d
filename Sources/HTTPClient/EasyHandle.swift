import CCurl

/// Owns a `CURL *`, and the memory that libcurl reads and writes on its behalf.
///
/// One that is done with an order serves the next of its client: making and freeing a handle takes libcurl longer than
/// any other part of a small request.
@safe
final class EasyHandle {
    let pointer: UnsafeMutableRawPointer
    /// Where libcurl writes what went wrong, which is more precise than the text of its code.
    private let errorText: UnsafeMutablePointer<CChar>
    /// Whether another order sets every option anew that was not the same for both.
    var isReusable = false

    /// An option that libcurl did not take; only memory running out explains it.
    struct OptionError: Error {
        let code: CURLcode

        init(_ code: CURLcode) { self.code = code }
    }

    init() throws(OptionError) {
        guard let pointer = unsafe curl_easy_init() else { throw OptionError(CURLE_OUT_OF_MEMORY) }
        unsafe self.pointer = pointer
        unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        unsafe curl_easy_cleanup(pointer)
        unsafe errorText.deallocate()
    }

    /// Makes libcurl say more in ``message(for:)``.
    func setErrorText() throws(OptionError) {
        try check(unsafe shim_easy_set_pointer(pointer, CURLOPT_ERRORBUFFER, errorText))
    }

    func set(_ option: CURLoption, to value: Int) throws(OptionError) {
        try check(unsafe shim_easy_set_long(pointer, option, value))
    }

    /// Sets an option whose value is a size of any length.
    func set(_ option: CURLoption, toSize value: Int) throws(OptionError) {
        try check(unsafe shim_easy_set_offset(pointer, option, curl_off_t(value)))
    }

    /// Sets a text, which libcurl copies; `nil` takes the option back.
    func set(_ option: CURLoption, to text: String?) throws(OptionError) {
        try check(unsafe shim_easy_set_string(pointer, option, text))
    }

    /// Sets a whole body, which libcurl copies and sends with the head.
    func setBody(_ bytes: [UInt8]) throws(OptionError) {
        try set(CURLOPT_POSTFIELDSIZE_LARGE, toSize: bytes.count)
        try check(
            unsafe bytes.withUnsafeBufferPointer { bytes in
                // Only read, though the type does not say so.
                let start = unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)
                return unsafe shim_easy_set_pointer(pointer, CURLOPT_COPYPOSTFIELDS, start)
            })
    }

    /// Sets what a request begins with, which has to live until libcurl has let go of the handle.
    func setHead(_ head: RequestHead) throws(OptionError) {
        try set(CURLOPT_URL, to: head.url.text)
        // Saves libcurl reading it once more, and putting it together from what it has read.
        try check(unsafe shim_easy_set_url(pointer, head.url.parts?.handle))
        try check(unsafe shim_easy_set_pointer(pointer, CURLOPT_HTTPHEADER, head.lines))
    }

    /// Lets go of all that a request said, once libcurl is done with it.
    func clear() throws(OptionError) {
        try check(unsafe shim_easy_set_pointer(pointer, CURLOPT_HTTPHEADER, nil))
        try check(unsafe shim_easy_set_url(pointer, nil))
        try check(unsafe shim_easy_set_pointer(pointer, CURLOPT_COPYPOSTFIELDS, nil))
        unsafe errorText.pointee = 0
    }

    /// Sets a function that libcurl hands bytes to, or asks for them, and what it is called with.
    @unsafe func set(
        _ option: CURLoption, to callback: shim_data_callback, _ contextOption: CURLoption,
        _ context: UnsafeMutableRawPointer
    ) throws(OptionError) {
        try check(unsafe shim_easy_set_data_callback(pointer, option, callback))
        try check(unsafe shim_easy_set_pointer(pointer, contextOption, context))
    }

    /// Sets the function that opens sockets.
    @unsafe func setOpenSocket(
        to callback: curl_opensocket_callback, _ context: UnsafeMutableRawPointer
    ) throws(OptionError) {
        try check(unsafe shim_easy_set_opensocket_callback(pointer, callback))
        try check(unsafe shim_easy_set_pointer(pointer, CURLOPT_OPENSOCKETDATA, context))
    }

    /// Sets the function that is asked before every request that libcurl makes.
    @unsafe func setBeforeRequest(
        to callback: curl_prereq_callback, _ context: UnsafeMutableRawPointer
    ) throws(OptionError) {
        try check(unsafe shim_easy_set_prereq_callback(pointer, callback))
        try check(unsafe shim_easy_set_pointer(pointer, CURLOPT_PREREQDATA, context))
    }

    /// Holds up either direction, or lets it go on; may call the receiving callback before it returns.
    func pause(sending: Bool, receiving: Bool) -> CURLcode {
        unsafe curl_easy_pause(pointer, (sending ? CURLPAUSE_SEND : 0) | (receiving ? CURLPAUSE_RECV : 0))
    }

    /// What libcurl says about the failure with this code.
    func message(for code: CURLcode) -> String {
        let text = unsafe String(cString: errorText)
        return text.isEmpty ? unsafe String(cString: curl_easy_strerror(code)) : text
    }

    private func check(_ code: CURLcode) throws(OptionError) {
        guard code == CURLE_OK else { throw OptionError(code) }
    }
}
