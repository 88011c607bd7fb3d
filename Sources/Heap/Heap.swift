import CMimalloc

/// The memory that the process has from the system: mimalloc's, which takes the place of the C library's `malloc`.
package enum Heap {
    /// How long freed pages stay with the process, for what is allocated next.
    private static let keptMilliseconds = 1000

    /// Keeps freed memory for a moment.
    ///
    /// A megabyte passes through several buffers, each filled once and freed. The pages of a freed buffer go back to the
    /// system at once or after a few milliseconds by default, which hands the next one out page by page, each with a
    /// fault and filled with zeros. The corresponding C function is `mi_option_set`.
    package static func keepFreedMemory() {
        mi_option_set(mi_option_decommit_delay, keptMilliseconds)
        mi_option_set(mi_option_segment_decommit_delay, keptMilliseconds)
    }
}
