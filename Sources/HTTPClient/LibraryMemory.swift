import CCurl
import Glibc
import LibEvent

/// The memory that libcurl works with: that of `malloc`, but for the buffers that it receives into.
///
/// A transfer has its buffer from the moment it connects, and uses it when the answer comes. Thousands that wait should
/// not take up memory for it, so a buffer begins as pages that take up nothing until they are written to. A few that are
/// done with are kept as they are for the next transfers: giving pages back to the kernel interrupts the other
/// processors, and taking them again costs a fault for each.
enum LibraryMemory {
    private static let page = 4 << 10
    /// Bytes that libcurl asks for when it makes a buffer: one more than it was told.
    private static let bufferBytes = EasyHandle.receiveBufferBytes + 1
    /// Locked, for libcurl resolves names on threads of its own.
    private static let spareBuffers = unsafe Lock<[UnsafeMutableRawPointer]>([])
    /// As many as a client has spare handles at most.
    private static let spareBufferLimit = HTTPClient.spareHandleLimit

    /// The corresponding C function is `malloc`.
    @unsafe static func allocate(_ count: Int) -> UnsafeMutableRawPointer? {
        guard count >= page else { return unsafe malloc(count) }
        if count == bufferBytes, let spare = unsafe spareBuffers.withLock({ unsafe $0.popLast() }) {
            return unsafe spare
        }
        var memory: UnsafeMutableRawPointer?
        guard unsafe posix_memalign(&memory, page, count) == 0 else { return nil }
        // Those that have been written to before. Where it fails they stay, which costs memory only.
        unsafe madvise(memory, count / page * page, MADV_DONTNEED)
        return unsafe memory
    }

    /// The corresponding C function is `free`.
    @unsafe static func free(_ memory: UnsafeMutableRawPointer?) {
        guard let memory = unsafe memory else { return }
        if unsafe !isBuffer(memory) || !keep(memory) { unsafe Glibc.free(memory) }
    }

    /// Whether a block can be a buffer; any other that begins with a page and is as long serves as well.
    @unsafe private static func isBuffer(_ memory: UnsafeMutableRawPointer) -> Bool {
        guard Int(bitPattern: memory) % page == 0 else { return false }
        return unsafe (bufferBytes..<bufferBytes + page).contains(malloc_usable_size(memory))
    }

    /// Keeps a buffer for the next transfer; `false` if there are enough.
    @unsafe private static func keep(_ buffer: UnsafeMutableRawPointer) -> Bool {
        unsafe spareBuffers.withLock { spare in
            guard unsafe spare.count < spareBufferLimit else { return false }
            unsafe spare.append(buffer)
            return true
        }
    }
}
