/// The width and height of an image in pixels.
package struct PixelSize: Sendable, Hashable, CustomStringConvertible {
    package var width: Int
    package var height: Int

    package init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    /// The number of pixels; `Int.max` where the product does not fit.
    package var pixels: Int {
        let (product, overflow) = width.multipliedReportingOverflow(by: height)
        return overflow ? Int.max : product
    }

    package var description: String { "\(width)×\(height)" }
}

/// What the first bytes of an image say about it, before anything is decoded.
package struct ImageHeader: Sendable, Hashable {
    package var format: ImageFormat
    /// As stored: an EXIF or HEIF orientation that turns the picture on its side is not applied.
    ///
    /// `nil` where the bytes at hand do not tell, as in a big TIFF.
    package var size: PixelSize?
    /// The file length in bytes that a WebP states about itself.
    var declaredLength: Int?

    package init(format: ImageFormat, size: PixelSize? = nil) {
        self.format = format
        self.size = size
    }

    /// Reads the header from the beginning of a file, or from all of it.
    ///
    /// Use ``ImageProbe`` itself where the bytes come in chunks.
    package static func probe(_ bytes: Span<UInt8>) -> ImageProbe.Result {
        var probe = ImageProbe()
        return probe.feed(bytes)
    }
}

extension ImageHeader {
    /// The number of bytes from a file's end that ``isComplete(tail:length:)`` wants to see.
    package static let tailLength = 1024

    /// Whether a file ends the way its format says, which finds a download that broke off without decoding it.
    ///
    /// Formats without a mark at the end (BMP, TIFF, AVIF, HEIC) are taken to be complete. Bytes after the end do no harm:
    /// cameras and editors append their own, and decoders ignore them.
    /// - Parameters:
    ///   - tail: The last ``tailLength`` bytes of the file, or all of a shorter one.
    ///   - length: The length of the whole file in bytes.
    /// - Returns: `false` if the end is certainly missing.
    package func isComplete(tail: Span<UInt8>, length: Int) -> Bool {
        switch format {
        case .png: tail.contains([0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82])  // IEND and its checksum
        case .jpeg: tail.contains([0xFF, 0xD9])  // EOI; compressed data never contains it
        case .gif: tail.lastNonZero == 0x3B  // trailer
        case .webp: length >= declaredLength ?? 0
        case .bmp, .tiff, .avif, .heic: true
        }
    }
}

extension Span<UInt8> {
    fileprivate func contains(_ pattern: [UInt8]) -> Bool {
        var start = count - pattern.count
        while start >= 0 {
            if pattern.indices.allSatisfy({ self[start + $0] == pattern[$0] }) { return true }
            start -= 1
        }
        return false
    }

    fileprivate var lastNonZero: UInt8? {
        var index = count - 1
        while index >= 0, self[index] == 0 { index -= 1 }
        return index >= 0 ? self[index] : nil
    }
}
