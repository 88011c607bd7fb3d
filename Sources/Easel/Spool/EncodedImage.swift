import HTTP

/// Tells images that are written as text, a `data:` URI or bare base64, from other long texts.
enum EncodedImage {
    /// Whether a long string that begins so is an image; a prompt has spaces or letters outside the alphabet.
    static func isLikely(_ prefix: Span<UInt8>) -> Bool {
        if let head = DataURI(head: prefix) { return head.isBase64 }
        for index in prefix.indices where !isBase64(prefix[index]) { return false }
        return true
    }

    /// How many bytes of a `data:` head come before the payload; 0 for bare base64.
    static func payloadOffset(_ text: Span<UInt8>) -> Int {
        DataURI(head: text)?.payloadOffset ?? 0
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "-"),
            UInt8(ascii: "_"), UInt8(ascii: "="), UInt8(ascii: "\n"), UInt8(ascii: "\r"):
            true
        default: false
        }
    }
}
