/// Makes pictures without any model, for the offline *sandbox* provider: a landscape with the prompt written on it.
///
/// The same prompt, seed and size give the same pixels on the same machine, so that tests of a client can compare them.
/// Every call computes for tens of milliseconds and writes a file: run it in `offload`. Two calls may run at once.
package struct Renderer: Sendable {
    package static let defaultPixelLimit = 50_000_000
    /// The longest side in pixels: what WebP can hold.
    package static let sideLimit = 16_383

    /// The most pixels of an image, drawn or read.
    package var pixelLimit: Int

    package init(pixelLimit: Int = Self.defaultPixelLimit) {
        self.pixelLimit = pixelLimit
    }

    /// Draws a picture and writes it to a file.
    ///
    /// The file is created or replaced, and removed again if it cannot be finished. A transparent picture is a landscape
    /// cut out on a transparent ground; JPEG has none and gets white.
    package func render(
        prompt: String, seed: Int64, size: PixelSize, isTransparent: Bool = false,
        as encoding: Encoding, to path: String
    ) throws(ImagingError) {
        try check(size)
        let scene = Scene(size: size, seed: Self.seed(prompt, seed, size))
        var picture = try Image(svg: scene.svg(isCutOut: isTransparent))
        if !isTransparent { picture = try picture.flattened() }
        let middle = Rectangle(
            left: 0, top: size.height / 5, width: size.width, height: size.height - size.height / 5 * 2)
        picture = try picture.lettered(prompt, caption: "Easel sandbox · seed \(seed) · \(size)", in: middle)
        try picture.write(as: encoding, to: path)
    }

    /// Draws onto the first of some images and writes the result to a file.
    ///
    /// Without a mask the picture gets a banner with the prompt. With one, its transparent part is painted anew, and not a
    /// pixel changes where the mask is opaque, as long as the format is lossless and the size stays.
    /// The mask has to be as large as the image. An image is scaled and cropped to the size that is asked for, and keeps its
    /// own otherwise; the size of the result is returned.
    @discardableResult
    package func edit(
        _ images: [String], mask: String? = nil, prompt: String, seed: Int64, size wanted: PixelSize? = nil,
        as encoding: Encoding, to path: String
    ) throws(ImagingError) -> PixelSize {
        guard let first = images.first else { throw ImagingError(.badImage, "there is no image to edit") }
        if let wanted { try check(wanted) }
        var picture = try Image(path: first, pixelLimit: pixelLimit)
        let original = picture.size
        if let wanted, wanted != original { picture = try picture.covering(wanted) }
        let size = picture.size
        let source = images.count == 1 ? "edit" : "edit of \(images.count) images"
        let caption = "Easel sandbox · \(source) · seed \(seed) · \(size)"

        if let mask {
            var mask = try Image(path: mask, pixelLimit: pixelLimit, isRandomAccess: true)
            guard mask.hasAlpha else {
                throw ImagingError(.badImage, "the mask has no alpha channel; make the part to be changed transparent")
            }
            guard mask.size == original else {
                throw ImagingError(.badImage, "the mask is \(mask.size), but the image is \(original); make them equal")
            }
            if size != original { mask = try mask.covering(size) }
            let area = try mask.transparency()
            let scene = Scene(size: size, seed: Self.seed(prompt, seed, size))
            var change = try Image(svg: scene.svg())
            if !picture.hasAlpha { change = try change.flattened() }
            if let bounds = try area.bounds() { change = try change.lettered(prompt, caption: caption, in: bounds) }
            picture = try area.choosing(change, over: picture)
        } else {
            let lower = Rectangle(
                left: 0, top: size.height / 2, width: size.width, height: size.height - size.height / 2)
            picture = try picture.lettered(prompt, caption: caption, in: lower, isAtBottom: true)
        }
        try picture.write(as: encoding, to: path)
        return size
    }

    private func check(_ size: PixelSize) throws(ImagingError) {
        try size.check(pixelLimit: pixelLimit)
        guard size.width <= Self.sideLimit, size.height <= Self.sideLimit else {
            throw ImagingError(.tooLarge, "an image of \(size) has a side of more than \(Self.sideLimit) pixels")
        }
    }

    private static func seed(_ prompt: String, _ seed: Int64, _ size: PixelSize) -> UInt64 {
        SplitMix64.seed(from: "\(seed) \(size) \(prompt)")
    }
}

extension Image {
    /// Puts a plate with the prompt and a line about its origin into a part of the picture: in the middle, or at the bottom.
    fileprivate consuming func lettered(
        _ prompt: String, caption: String, in area: Rectangle, isAtBottom: Bool = false
    ) throws(ImagingError) -> Image {
        let margin = min(area.width, area.height) / 16
        let (width, height) = (area.width - 2 * margin, area.height - 2 * margin)
        guard let plate = try Lettering.plate(prompt: prompt, caption: caption, width: width, height: height) else {
            return self
        }
        let (right, below) = (width - plate.size.width, height - plate.size.height)
        let top = area.top + margin + (isAtBottom ? below : below / 2)
        return try overlaid(with: plate, left: area.left + margin + right / 2, top: top)
    }
}
