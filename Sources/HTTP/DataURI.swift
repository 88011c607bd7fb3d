/// The head of a `data:` URI, such as `data:image/png;base64,` (RFC 2397).
package struct DataURI: Sendable, Hashable {
    /// Bytes before the payload that are looked at.
    package static let maximumHeadBytes = 1 << 10

    /// The type as declared; `nil` when there is none or it is malformed.
    ///
    /// Tell images by their bytes instead.
    package let mediaType: MediaType?
    /// Whether the payload is base64; else it is percent-encoded.
    package let isBase64: Bool
    /// Bytes before the payload, its comma included.
    package let payloadOffset: Int

    /// Reads the beginning of a text; `nil` when no `data:` URI begins there.
    package init?(head: Span<UInt8>) {
        let scheme = Array("data:".utf8)
        var text: [UInt8] = []
        text.append(copying: head.extracting(first: Self.maximumHeadBytes))
        guard text.prefix(scheme.count).map(\.loweredASCII) == scheme,
            let comma = text.firstIndex(of: UInt8(ascii: ","))
        else { return nil }

        var type = String(decoding: text[scheme.count..<comma], as: UTF8.self)[...]
        let marker = ";base64"
        isBase64 = type.suffix(marker.count).equalsIgnoringASCIICase(marker)
        if isBase64 { type = type.dropLast(marker.count) }
        mediaType = MediaType(type)
        payloadOffset = comma + 1
    }
}
