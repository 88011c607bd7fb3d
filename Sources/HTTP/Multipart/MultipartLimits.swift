/// How much of a multipart body the parser takes in before it gives up.
///
/// The size of the body and of its parts is for the caller to bound, who sees their bytes pass.
package struct MultipartLimits: Sendable, Hashable {
    /// Parts of the body.
    package var parts: Int
    /// Bytes of all header fields of a part.
    package var headBytes: Int
    /// Bytes of a part's name.
    package var nameBytes: Int

    package init(parts: Int = 256, headBytes: Int = 8 << 10, nameBytes: Int = 256) {
        self.parts = parts
        self.headBytes = headBytes
        self.nameBytes = nameBytes
    }
}
