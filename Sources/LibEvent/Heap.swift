import CEvent

/// The memory that the process has from the system.
package enum Heap {
    /// Bytes at the end of a heap that stay with the process when they are freed.
    ///
    /// Glibc has a heap for every few threads.
    private static let keptBytes: CInt = 4 << 20
    /// Bytes of an allocation that gets pages of its own: more than any buffer of a transfer has.
    private static let mappedBytes: CInt = 1 << 20

    /// Keeps freed memory for what is allocated next.
    ///
    /// A megabyte passes through several buffers, each filled once and freed. By default a freed buffer goes back to the
    /// system, which hands the next one out page by page, each with a fault and filled with zeros. The corresponding C
    /// function is `mallopt`.
    package static func keepFreedMemory() {
        mallopt(M_MMAP_THRESHOLD, mappedBytes)
        mallopt(M_TRIM_THRESHOLD, keptBytes)
    }
}
