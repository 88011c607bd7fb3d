import CEvent

/// Owns a `struct evbuffer *` whose bytes go to a socket.
@safe
struct OutputBuffer: ~Copyable {
    /// `nil` until there is something to keep: the kernel takes most answers at once, and no connection waits for that.
    private var pointer: OpaquePointer?

    var count: Int {
        guard let pointer = unsafe pointer else { return 0 }
        return unsafe evbuffer_get_length(pointer)
    }

    /// Copies bytes to the end; `false` without memory.
    mutating func append(_ bytes: Span<UInt8>) -> Bool {
        guard let pointer = unsafe made() else { return false }
        return unsafe bytes.withUnsafeBytes { bytes in
            unsafe evbuffer_add(pointer, bytes.baseAddress, bytes.count) == 0
        }
    }

    /// Puts part of a file at the end; `false` without memory.
    ///
    /// The corresponding C function is `evbuffer_add_file_segment`.
    mutating func append(_ descriptor: CInt, _ range: Range<Int>, owner: any AnyObject & Sendable) -> Bool {
        guard let pointer = unsafe made(),
            let segment = unsafe evbuffer_file_segment_new(
                descriptor, Int64(range.lowerBound), Int64(range.count), UInt32(EVBUF_FS_DISABLE_LOCKING))
        else { return false }
        let retained = unsafe Unmanaged.passRetained(owner as AnyObject).toOpaque()
        unsafe evbuffer_file_segment_add_cleanup_cb(
            segment,
            { _, _, owner in
                guard let owner = unsafe owner else { return }
                unsafe Unmanaged<AnyObject>.fromOpaque(owner).release()
            }, retained)
        // On failure libevent has let go of the segment already.
        guard unsafe evbuffer_add_file_segment(pointer, segment, 0, -1) == 0 else { return false }
        unsafe evbuffer_file_segment_free(segment)
        return true
    }

    /// Sends what the socket takes; the count, 0 or a negative number with `errno` when it takes nothing.
    mutating func send(to descriptor: CInt) -> Int {
        guard let pointer = unsafe pointer else { return 0 }
        return unsafe Int(evbuffer_write(pointer, descriptor))
    }

    mutating func clear() {
        guard let pointer = unsafe pointer else { return }
        _ = unsafe evbuffer_drain(pointer, evbuffer_get_length(pointer))
    }

    deinit {
        if let pointer = unsafe pointer { unsafe evbuffer_free(pointer) }
    }

    /// The buffer, made if there is none yet; `nil` without memory.
    @unsafe private mutating func made() -> OpaquePointer? {
        if let pointer = unsafe pointer { return unsafe pointer }
        guard let new = unsafe evbuffer_new() else { return nil }
        // Lets parts of files go out by `sendfile` instead of through memory.
        _ = unsafe evbuffer_set_flags(new, UInt64(EVBUFFER_FLAG_DRAINS_TO_FD))
        unsafe pointer = new
        return unsafe new
    }
}
