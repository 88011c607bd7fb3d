import Glibc

/// What an image is to become.
package struct Conversion: Sendable, Hashable {
    package var encoding: Encoding
    /// The most pixels per side and altogether; a larger image is scaled down, a smaller one stays as it is.
    package var maximumWidth: Int?
    package var maximumHeight: Int?
    package var maximumPixels: Int?
    /// The most bytes of the file; the image is scaled down until it keeps to it.
    package var maximumBytes: Int?

    package init(
        encoding: Encoding, maximumWidth: Int? = nil, maximumHeight: Int? = nil, maximumPixels: Int? = nil,
        maximumBytes: Int? = nil
    ) {
        self.encoding = encoding
        self.maximumWidth = maximumWidth
        self.maximumHeight = maximumHeight
        self.maximumPixels = maximumPixels
        self.maximumBytes = maximumBytes
    }
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

    /// Re-encodes an image file into another file and returns the size of the result.
    ///
    /// The file is created or replaced, and removed again if it cannot be finished.
    @discardableResult
    package func convert(
        _ input: String, by conversion: Conversion, to output: String
    ) throws(ImagingError) -> PixelSize {
        var shrink = 1.0
        for _ in 0..<Self.attemptLimit {
            var image = try Image(path: input, pixelLimit: pixelLimit)
            let size = image.size
            let target = size.scaled(by: min(conversion.scale(for: size), 1) * shrink)
            if target != size { image = try image.fitting(target) }
            let result = image.size
            try image.write(as: conversion.encoding, to: output)

            guard let maximumBytes = conversion.maximumBytes else { return result }
            let bytes = try Self.length(of: output)
            guard bytes > maximumBytes else { return result }
            // Bytes grow with the area; the margin covers what does not shrink along.
            shrink *= 0.9 * max(0.1, (Double(max(1, maximumBytes)) / Double(bytes)).squareRoot())
        }
        _ = unsafe unlink(output)
        throw ImagingError(.tooLarge, "the image cannot be brought down to \(conversion.maximumBytes ?? 0) bytes")
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
    fileprivate func scale(for size: PixelSize) -> Double {
        let sideLimit = encoding.format == .webp ? Renderer.sideLimit : Int.max
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
