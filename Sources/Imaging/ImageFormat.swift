/// A raster image format that Easel knows by its first bytes.
package enum ImageFormat: String, Sendable, Hashable, CaseIterable {
    case png, jpeg, webp, gif, bmp, tiff, avif, heic

    /// The format a media type such as `image/png` names; parameters and the common misspellings are understood.
    package init?(mediaType: String) {
        let essence = mediaType.prefix { $0 != ";" && $0 != " " }.lowercased()
        switch essence {
        case "image/jpg", "image/pjpeg": self = .jpeg
        case "image/x-ms-bmp", "image/x-bmp": self = .bmp
        case "image/heif": self = .heic
        default:
            guard essence.hasPrefix("image/") else { return nil }
            self.init(rawValue: String(essence.dropFirst("image/".count)))
        }
    }

    /// As in IANA's registry, such as `image/jpeg`.
    package var mediaType: String { "image/\(rawValue)" }

    /// Without the dot, such as `jpg`.
    package var fileExtension: String { self == .jpeg ? "jpg" : rawValue }
}
