import Glibc

/// What an image is to become.
package struct Conversion: Sendable, Hashable {
    package var encoding: Encoding
    /// How an image with transparency is written; `nil` is like any other.
    package var transparentEncoding: Encoding?
    /// The most pixels per side and altogether; a larger image is scaled down, a smaller one stays as it is.
    package var maximumWidth: Int?
    package var maximumHeight: Int?
    package var maximumPixels: Int?
    /// The most bytes of the file; the image is scaled down until it keeps to it.
    package var maximumBytes: Int?

    package init(
        encoding: Encoding, transparentEncoding: Encoding? = nil, maximumWidth: Int? = nil, maximumHeight: Int? = nil,
        maximumPixels: Int? = nil, maximumBytes: Int? = nil
    ) {
        self.encoding = encoding
        self.transparentEncoding = transparentEncoding
        self.maximumWidth = maximumWidth
        self.maximumHeight = maximumHeight
        self.maximumPixels = maximumPixels
        self.maximumBytes = maximumBytes
    }
}

/// What an image has become.
package struct ConvertedImage: Sendable, Hashable {
    package var format: ImageFormat
    package var size: PixelSize
    /// Bytes of the file.
    package var length: Int
    /// Before it was scaled, but upright: the sides of a picture that EXIF turns have changed places.
    package var originalSize: PixelSize

    package init(format: ImageFormat, size: PixelSize, length: Int, originalSize: PixelSize) {
        self.format = format
        self.size = size
        self.length = length
        self.originalSize = originalSize
    }
}

/// Which part of a mask marks what may change.
package enum MaskMark: Sendable, Hashable {
    case transparent, white, black
}

/// Re-encodes images that came from outside: upright, in sRGB, without metadata, and of an animation the first frame.
///
/// Every call computes for tens of milliseconds and reads and writes files: run it in `offload`. Two may run at once.
package struct Converter: Sendable {
    /// How often an image is made smaller to keep to a number of bytes.
    static let attemptLimit = 8

    /// The most pixels of an image that is read.
    package var pixelLimit: Int

    package init(pixelLimit: Int = Renderer.defaultPixelLimit) {
        self.pixelLimit = pixelLimit
    }

    /// Re-encodes an image file into another file.
    ///
    /// The file is created or replaced, and removed again if it cannot be finished.
    @discardableResult
    package func convert(
        _ input: String, by conversion: Conversion, to output: String
    ) throws(ImagingError) -> ConvertedImage {
        var shrink = 1.0
        for _ in 0..<Self.attemptLimit {
            var image = try Image(path: input, pixelLimit: pixelLimit)
            let original = image.size
            let encoding = (image.hasAlpha ? conversion.transparentEncoding : nil) ?? conversion.encoding
            let target = original.scaled(by: min(conversion.scale(for: original, as: encoding.format), 1) * shrink)
            if target != original { image = try image.fitting(target) }
            let size = image.size
            try image.write(as: encoding, to: output)

            let length = try Self.length(of: output)
            guard let maximumBytes = conversion.maximumBytes, length > maximumBytes else {
                return ConvertedImage(format: encoding.format, size: size, length: length, originalSize: original)
            }
            // Bytes grow with the area; the margin covers what does not shrink along.
            shrink *= 0.9 * max(0.1, (Double(max(1, maximumBytes)) / Double(length)).squareRoot())
        }
        _ = unsafe unlink(output)
        throw ImagingError(.tooLarge, "the image cannot be brought down to \(conversion.maximumBytes ?? 0) bytes")
    }

    /// Writes a mask whose transparent pixels mark what may change as a PNG in which something else marks it.
    ///
    /// For `white` and `black` the PNG is greyscale. With a `resizing`, the mask follows an image that was scaled.
    /// - Throws: ``ImagingError`` for a mask without transparency, or of another size than the image.
    @discardableResult
    package func convertMask(
        _ input: String, as mark: MaskMark, resizing: (from: PixelSize, to: PixelSize)? = nil, to output: String
    ) throws(ImagingError) -> ConvertedImage {
        var mask = try Image(path: input, pixelLimit: pixelLimit)
        let original = mask.size
        guard mask.hasAlpha else {
            throw ImagingError(.badImage, "the mask has no alpha channel; make the part to be changed transparent")
        }
        if let resizing, resizing.from != original {
            throw ImagingError(
                .badImage, "the mask is \(original), but the image is \(resizing.from); make them equal")
        }
        switch mark {
        case .transparent: break
        case .white: mask = try mask.transparency()
        case .black: mask = try mask.opacity()
        }
        if let size = resizing?.to, size != original { mask = try mask.stretched(to: size) }
        let size = mask.size
        try mask.write(as: Encoding(format: .png), to: output)
        return ConvertedImage(
            format: .png, size: size, length: try Self.length(of: output), originalSize: original)
    }

    private static func length(of path: String) throws(ImagingError) -> Int {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            throw ImagingError(.system, "cannot read the converted image: \(unsafe String(cString: strerror(errno)))")
        }
        return status.st_size
    }
}

extension Conversion {
    /// The factor by which an image keeps to every limit, which may be above 1.
    fileprivate func scale(for size: PixelSize, as format: ImageFormat) -> Double {
        let sideLimit = format == .webp ? Renderer.sideLimit : Int.max
        let width = Double(max(1, min(maximumWidth ?? Int.max, sideLimit))) / Double(size.width)
        let height = Double(max(1, min(maximumHeight ?? Int.max, sideLimit))) / Double(size.height)
        let area = Double(max(1, maximumPixels ?? Int.max)) / Double(size.pixels)
        return min(width, height, area.squareRoot())
    }
}

extension PixelSize {
    /// Rounded down, but never to nothing; the factor is between 0 and 1.
    fileprivate func scaled(by factor: Double) -> PixelSize {
        func side(_ length: Int) -> Int { max(1, Int(exactly: (Double(length) * factor).rounded(.down)) ?? length) }
        return PixelSize(width: side(width), height: side(height))
    }
}
