/// How an image is to be written.
package struct Encoding: Sendable, Hashable {
    static let defaultQuality = 90
    /// zlib's level: 3 takes half the time of 6 for a few percent more bytes.
    static let pngCompression: CInt = 3

    /// PNG, JPEG, WebP, GIF or TIFF; others cannot be written.
    package var format: ImageFormat
    /// From 0 (smallest) to 100 (best), for JPEG and WebP; other formats lose nothing and ignore it.
    package var quality: Int?

    package init(format: ImageFormat, quality: Int? = nil) {
        self.format = format
        self.quality = quality
    }
}

/// A part of an image, in pixels from its upper left corner.
struct Rectangle: Sendable, Hashable {
    var left: Int
    var top: Int
    var width: Int
    var height: Int
}
