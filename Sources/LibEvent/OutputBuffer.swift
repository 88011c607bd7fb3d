import CEvent

/// Owns a `struct evbuffer *` whose bytes go to a socket.
@safe
struct OutputBuffer: ~Copyable {
    private let pointer: OpaquePointer

    /// Makes an empty buffer; `nil` without memory.
    init?() {
        guard let pointer = unsafe evbuffer_new() else { return nil }
        unsafe self.pointer = pointer
        // Lets parts of files go out by `sendfile` instead of through memory.
        _ = unsafe evbuffer_set_flags(pointer, UInt64(EVBUFFER_FLAG_DRAINS_TO_FD))
    }

    var count: Int { unsafe evbuffer_get_length(pointer) }

    /// Copies bytes to the end; `false` without memory.
    mutating func append(_ bytes: Span<UInt8>) -> Bool {
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe evbuffer_add(pointer, bytes.baseAddress, bytes.count) == 0
        }
    }

    /// Puts part of a file at the end; `false` without memory.
    ///
    /// The corresponding C function is `evbuffer_add_file_segment`.
    mutating func append(_ descriptor: CInt, _ range: Range<Int>, owner: any AnyObject & Sendable) -> Bool {
        guard
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
        unsafe Int(evbuffer_write(pointer, descriptor))
    }

    mutating func clear() {
        _ = unsafe evbuffer_drain(pointer, evbuffer_get_length(pointer))
    }

    deinit { unsafe evbuffer_free(pointer) }
}
