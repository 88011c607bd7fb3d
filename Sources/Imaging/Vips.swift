import CVips
import Glibc

/// libvips, set up once for the process when the first image is worked on.
enum Vips {
    /// The outcome of the set-up, which takes about 20 ms: libvips loads its modules.
    ///
    /// * One thread per image, because callers already run one image per core.
    /// * No cache of operations: no two requests share an image, and a cache would keep their pixels in memory.
    /// * Nothing on stderr: GLib's and libvips' warnings would break Easel's log lines. What matters comes back as an error.
    /// * No loader that libvips marks as unsafe for untrusted input, but for the one that reads Easel's own drawings, and
    ///   the one that takes bytes for pixels as they are and is told where they are (``BitmapLayout``).
    private static let isReady: Bool = {
        unsafe g_log_set_writer_func({ _, _, _, _ in G_LOG_WRITER_HANDLED }, nil, nil)
        guard unsafe vips_init("easel") == 0 else { return false }
        vips_concurrency_set(1)
        vips_cache_set_max(0)
        vips_block_untrusted_set(1)
        unsafe vips_operation_block_set("VipsForeignLoadSvgBuffer", 0)
        unsafe vips_operation_block_set("VipsForeignLoadRaw", 0)
        return true
    }()

    /// Sets libvips up if this is its first use.
    static func prepare() throws(ImagingError) {
        guard isReady else { throw ImagingError(.system, "libvips could not be started: \(takeErrors())") }
    }

    /// What libvips has to say about the last failure, in one line and without the paths of files; then forgets it.
    ///
    /// libvips keeps one text for the whole process, so that two failures at the same moment may read each other's.
    static func takeErrors() -> String {
        guard let buffer = unsafe vips_error_buffer_copy() else { return "unknown reason" }
        defer { unsafe g_free(buffer) }
        let text = unsafe String(cString: buffer)
        let lines = text.split(whereSeparator: \.isNewline).map { line in
            line.split(separator: " ").map { $0.contains("/") ? "file" : $0 }.joined(separator: " ")
        }
        return lines.isEmpty ? "unknown reason" : lines.suffix(3).joined(separator: "; ")
    }
}
