import Crypto
import HTTP
import Imaging

/// The bytes of a small image that came as text, in memory: what a ``SpooledFile`` is for larger ones.
struct SmallImage: Sendable {
    let bytes: [UInt8]
    let digest: Digest
    /// `nil` when the bytes do not begin as an image's do.
    let header: ImageHeader?
    /// Whether the bytes end as those of such an image do.
    let isComplete: Bool

    /// The longest text that is decoded at once on the loop, in bytes: that of the longest image that needs no file.
    ///
    /// It takes less than the hop to a thread.
    static let textLimit = BlobContent.ledgerLimit / 3 * 4

    /// Decodes a `data:` URI or bare base64.
    init(decoding text: String) throws(SpoolError) {
        let text = Array(text.utf8)
        var (bytes, decoder) = ([UInt8](), Base64Decoder())
        do throws(Base64Error) {
            try decoder.decode(text.span.extracting(EncodedImage.payloadOffset(text.span)...), into: &bytes)
            try decoder.finish(into: &bytes)
        } catch {
            throw .malformed("\(error)")
        }
        self.bytes = bytes
        digest = SHA256.digest(of: bytes)
        var probe = ImageProbe()
        _ = probe.feed(bytes.span)
        if case .image(let header) = probe.finish() {
            self.header = header
            let tail = bytes.span.extracting(last: ImageHeader.tailLength)
            isComplete = header.isComplete(tail: tail, length: bytes.count)
        } else {
            (header, isComplete) = (nil, false)
        }
    }
}
