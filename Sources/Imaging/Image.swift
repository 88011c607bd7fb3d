import CVips
import Glibc

/// Owns a `VipsImage *`: a recipe for pixels, which libvips computes in strips when the image is written.
///
/// Hence an error in the pixels of an input may show only in ``write(as:to:)``.
@safe
struct Image: ~Copyable {
    private let pointer: UnsafeMutablePointer<VipsImage>

    /// Where an operation leaves the image it made.
    @safe
    private struct Output {
        var pointer: UnsafeMutablePointer<VipsImage>?
    }

    deinit { unsafe g_object_unref(pointer) }

    /// Keeps what a libvips operation made, or throws what it says went wrong.
    private init(
        _ action: String, _ kind: ImagingError.Kind = .system,
        by operation: (inout Output) -> CInt
    ) throws(ImagingError) {
        var result = Output()
        guard operation(&result) == 0, let pointer = unsafe result.pointer else {
            throw ImagingError(kind, "cannot \(action): \(Vips.takeErrors())")
        }
        unsafe self.pointer = pointer
    }

    var size: PixelSize {
        unsafe PixelSize(width: Int(vips_image_get_width(pointer)), height: Int(vips_image_get_height(pointer)))
    }

    var hasAlpha: Bool { unsafe vips_image_hasalpha(pointer) != 0 }
}

// MARK: - Making images

extension Image {
    /// Opens an image file with the one loader for the format its bytes show, whatever its name says.
    ///
    /// The picture comes upright (EXIF), in 8-bit sRGB with or without alpha, and a truncated one is an error, not half grey.
    /// Dimensions beyond the limit are refused before anything is decoded. Of an animation it is the first frame.
    init(path: String, pixelLimit: Int, isRandomAccess: Bool = false) throws(ImagingError) {
        let header = try ImageHeader.read(fileAt: path)
        try header.size?.check(pixelLimit: pixelLimit)
        try Vips.prepare()
        guard let loader = header.format.loader else {
            self = try Image(bitmap: try BitmapLayout.read(fileAt: path), path: path)
            return
        }
        func open(_ access: VipsAccess) throws(ImagingError) -> Image {
            try Image("read the \(header.format.rawValue) image", .badImage) { result in
                unsafe shim_vips_load(loader, path, access, &result.pointer)
            }
        }
        var image = try open(isRandomAccess ? VIPS_ACCESS_RANDOM : VIPS_ACCESS_SEQUENTIAL)
        try image.size.check(pixelLimit: pixelLimit)
        if unsafe vips_image_get_orientation(image.pointer) > 1 {
            // Turning needs the pixels out of order; libvips then decodes them into memory, or from 100 MB on into a file.
            if !isRandomAccess { image = try open(VIPS_ACCESS_RANDOM) }
            image = try Image("turn the image upright") { result in
                unsafe shim_vips_autorot(image.pointer, &result.pointer)
            }
        }
        self = try image.inSRGB()
    }

    /// Opens a BMP file: its bytes folded into pixels, the right way up, blue and red exchanged.
    private init(bitmap layout: BitmapLayout, path: String) throws(ImagingError) {
        func step(_ operation: (inout Output) -> CInt) throws(ImagingError) -> Image {
            try Image("read the bmp image", .badImage, by: operation)
        }
        let (width, height) = (CInt(clamping: layout.size.width), CInt(clamping: layout.size.height))
        let bytesPerPixel = CInt(clamping: layout.bytesPerPixel)
        let file = try step { result in
            unsafe shim_vips_rawload(
                path, &result.pointer, CInt(clamping: layout.rowLength), height, UInt(layout.offset))
        }
        let rows = try step { result in
            unsafe shim_vips_extract_area(file.pointer, &result.pointer, 0, 0, width * bytesPerPixel, height)
        }
        var image = try step { result in unsafe shim_vips_bandfold(rows.pointer, &result.pointer, bytesPerPixel) }
        if !layout.isTopDown {
            image = try step { result in unsafe shim_vips_flip_vertically(image.pointer, &result.pointer) }
        }
        var joined = try image.band(2)
        for band: CInt in layout.hasAlpha ? [1, 0, 3] : [1, 0] {
            let next = try image.band(band)
            joined = try step { result in unsafe shim_vips_bandjoin2(joined.pointer, next.pointer, &result.pointer) }
        }
        self = try step { result in unsafe shim_vips_copy_as_srgb(joined.pointer, &result.pointer) }
    }

    /// Draws an SVG document of Easel's own making.
    init(svg: String) throws(ImagingError) {
        try Vips.prepare()
        let bytes = Array(svg.utf8)
        guard let blob = unsafe vips_blob_copy(bytes, bytes.count) else {
            throw ImagingError(.system, "no memory for a drawing")
        }
        defer { unsafe vips_area_unref(UnsafeMutableRawPointer(blob).assumingMemoryBound(to: VipsArea.self)) }
        try self.init("draw") { result in unsafe shim_vips_svgload_blob(blob, &result.pointer) }
    }

    /// Lays out text in the Pango markup language, wrapped at `width` pixels and centred, on a transparent ground.
    init(markup: String, font: String, width: Int) throws(ImagingError) {
        try Vips.prepare()
        try self.init("set the text") { result in
            unsafe shim_vips_text(&result.pointer, markup, font, CInt(clamping: width))
        }
    }
}

// MARK: - Changing images

extension Image {
    /// The picture in 8-bit sRGB, by its embedded colour profile if that is of use.
    private consuming func inSRGB() throws(ImagingError) -> Image {
        var image = self
        if unsafe vips_image_get_typeof(image.pointer, VIPS_META_ICC_NAME) != 0,
            let converted = try? Image(
                "convert colours", by: { result in unsafe shim_vips_icc_to_srgb(image.pointer, &result.pointer) })
        {
            image = converted
        }
        image = try Image("convert colours", .badImage) { result in
            unsafe shim_vips_colourspace(image.pointer, &result.pointer, VIPS_INTERPRETATION_sRGB)
        }
        return try Image("convert to 8 bits", .badImage) { result in
            unsafe shim_vips_cast(image.pointer, &result.pointer, VIPS_FORMAT_UCHAR)
        }
    }

    /// Scales and crops around the centre to exactly this size.
    func covering(_ size: PixelSize) throws(ImagingError) -> Image {
        try scaled(to: size, VIPS_SIZE_BOTH, crop: VIPS_INTERESTING_CENTRE)
    }

    /// Scales down, keeping the proportions, so that it fits into this size.
    func fitting(_ size: PixelSize) throws(ImagingError) -> Image {
        try scaled(to: size, VIPS_SIZE_DOWN, crop: VIPS_INTERESTING_NONE)
    }

    /// Scales to exactly this size, whatever becomes of the proportions.
    func stretched(to size: PixelSize) throws(ImagingError) -> Image {
        try scaled(to: size, VIPS_SIZE_FORCE, crop: VIPS_INTERESTING_NONE)
    }

    private func scaled(to size: PixelSize, _ mode: VipsSize, crop: VipsInteresting) throws(ImagingError) -> Image {
        try Image("scale the image") { result in
            unsafe shim_vips_thumbnail_image(
                pointer, &result.pointer, CInt(clamping: size.width), CInt(clamping: size.height), mode, crop)
        }
    }

    /// Without transparency: on white.
    func flattened() throws(ImagingError) -> Image {
        try Image("flatten the image") { result in unsafe shim_vips_flatten_on_white(pointer, &result.pointer) }
    }

    /// The last band: 255 where the image is opaque, 0 where it is transparent.
    func opacity() throws(ImagingError) -> Image {
        try band(unsafe vips_image_get_bands(pointer) - 1)
    }

    private func band(_ index: CInt) throws(ImagingError) -> Image {
        try Image("take an image apart") { result in
            unsafe shim_vips_extract_bands(pointer, &result.pointer, index, 1)
        }
    }

    /// The last band inverted: 255 where the image is transparent, 0 where it is opaque.
    func transparency() throws(ImagingError) -> Image {
        let opacity = try opacity()
        return try Image("invert transparency") { result in unsafe shim_vips_invert(opacity.pointer, &result.pointer) }
    }

    /// Lays an image with transparency over this one, changing only the pixels under it.
    func overlaid(with overlay: borrowing Image, left: Int, top: Int) throws(ImagingError) -> Image {
        let (left, top) = (CInt(clamping: left), CInt(clamping: top))
        let size = overlay.size
        let part = try Image("cut out") { result in
            unsafe shim_vips_extract_area(
                pointer, &result.pointer, left, top, CInt(clamping: size.width), CInt(clamping: size.height))
        }
        let composite = try Image("compose") { result in
            unsafe shim_vips_composite_over(part.pointer, overlay.pointer, &result.pointer, 0, 0)
        }
        let bytes = try Image("compose") { result in
            unsafe shim_vips_cast(composite.pointer, &result.pointer, VIPS_FORMAT_UCHAR)
        }
        let pixels = try Image("compose") { result in  // a composite always has alpha
            unsafe shim_vips_extract_bands(bytes.pointer, &result.pointer, 0, vips_image_get_bands(pointer))
        }
        return try Image("insert") { result in
            unsafe shim_vips_insert(pointer, pixels.pointer, &result.pointer, left, top)
        }
    }

    /// Shows `other` where this mask is 255 and `base` where it is 0, exactly.
    func choosing(_ other: borrowing Image, over base: borrowing Image) throws(ImagingError) -> Image {
        try Image("apply the mask") { result in
            unsafe shim_vips_blend(pointer, other.pointer, base.pointer, &result.pointer)
        }
    }

    /// The smallest rectangle outside of which this mask is 0; `nil` if it is 0 everywhere.
    func bounds() throws(ImagingError) -> Rectangle? {
        var (left, top, width, height): (CInt, CInt, CInt, CInt) = (0, 0, 0, 0)
        guard unsafe shim_vips_find_trim(pointer, &left, &top, &width, &height) == 0 else {
            throw ImagingError(.badImage, "cannot read the mask: \(Vips.takeErrors())")
        }
        guard width > 0, height > 0 else { return nil }
        return Rectangle(left: Int(left), top: Int(top), width: Int(width), height: Int(height))
    }
}

// MARK: - Reading pixels, writing images

extension Image {
    /// The bytes of all pixels, row by row, one per band: for looking closely at small images.
    func pixels() throws(ImagingError) -> [UInt8] {
        var count = 0
        guard let memory = unsafe vips_image_write_to_memory(pointer, &count) else {
            throw ImagingError(.badImage, "cannot decode the image: \(Vips.takeErrors())")
        }
        defer { unsafe g_free(memory) }
        return unsafe Array(UnsafeRawBufferPointer(start: memory, count: count))
    }

    /// Computes the pixels and writes them to a file, without any metadata; a file that could not be finished is removed.
    func write(as encoding: Encoding, to path: String) throws(ImagingError) {
        if encoding.format == .jpeg, hasAlpha {
            try flattened().save(as: encoding, to: path)
        } else {
            try save(as: encoding, to: path)
        }
    }

    private func save(as encoding: Encoding, to path: String) throws(ImagingError) {
        let quality = CInt(clamping: encoding.quality ?? Encoding.defaultQuality)
        let code =
            switch encoding.format {
            case .png: unsafe shim_vips_pngsave(pointer, path, Encoding.pngCompression)
            case .jpeg: unsafe shim_vips_jpegsave(pointer, path, min(max(1, quality), 100))
            case .webp: unsafe shim_vips_webpsave(pointer, path, min(max(0, quality), 100))
            case .gif: unsafe shim_vips_gifsave(pointer, path)
            case .tiff: unsafe shim_vips_tiffsave(pointer, path)
            case .bmp, .avif, .heic:
                throw ImagingError(.unsupported, "cannot write \(encoding.format.rawValue); ask for png, jpeg or webp")
            }
        guard code != 0 else { return }
        let reason = Vips.takeErrors()
        unsafe _ = unlink(path)
        // Decoding happens here too. What the disk did is told by the system; anything else is in the pixels.
        let isDisk = reason.contains("unix error") || reason.contains("system error")
        throw ImagingError(isDisk ? .system : .badImage, "cannot make the \(encoding.format.rawValue) image: \(reason)")
    }
}

extension ImageFormat {
    /// The name of libvips' loader, for the formats that Easel decodes.
    fileprivate var loader: String? {
        switch self {
        case .png, .jpeg, .webp, .gif, .tiff: "\(rawValue)load"
        case .avif, .heic: "heifload"
        case .bmp: nil  // libvips leaves it to ImageMagick, which is not for untrusted input
        }
    }
}

extension PixelSize {
    /// Throws if there are more pixels than allowed, or none.
    func check(pixelLimit: Int) throws(ImagingError) {
        guard width > 0, height > 0 else { throw ImagingError(.badImage, "an image of \(self) has no pixels") }
        guard pixels <= pixelLimit else {
            throw ImagingError(.tooLarge, "an image of \(self) has more than the allowed \(pixelLimit) pixels")
        }
    }
}
