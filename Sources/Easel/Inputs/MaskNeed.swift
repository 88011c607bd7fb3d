import Imaging

/// What has to happen to a mask before a provider takes it.
struct MaskNeed: Sendable, Hashable {
    var mark: MaskMark
    /// The sizes of the image before and after, when that has become smaller or turned.
    var resizing: Resizing?

    struct Resizing: Sendable, Hashable {
        var from: PixelSize
        var to: PixelSize
    }
}

extension MaskNeed {
    /// `nil` when it fits as it is, after what became of the image that it is for.
    init?(_ mask: ImageFile, for intake: ImageIntake, after conversion: ConvertedImage?) {
        let original = PixelSize(width: mask.width, height: mask.height)
        let resizing = conversion.flatMap { image -> Resizing? in
            image.size == original ? nil : Resizing(from: image.originalSize, to: image.size)
        }
        let isListed = ImageFormat(mediaType: mask.mediaType).map(intake.bounds.formats.contains) ?? true
        guard intake.maskPolarity != .transparent || resizing != nil || !isListed else { return nil }
        mark =
            switch intake.maskPolarity {
            case .transparent: .transparent
            case .white: .white
            case .black: .black
            }
        self.resizing = resizing
    }

    /// Why a mask cannot belong to an image, from their headers; `nil` when it can.
    static func mismatch(_ mask: ImageFile, _ image: ImageFile) -> String? {
        if mask.width == image.width, mask.height == image.height { return nil }
        if ImageFormat(mediaType: image.mediaType)?.mayBeTurned ?? false, mask.width == image.height,
            mask.height == image.width
        {
            return nil
        }
        return """
            The mask is \(mask.width)x\(mask.height), but the image is \(image.width)x\(image.height). \
            Send a mask of the image's size, transparent where the image may change.
            """
    }
}

extension ImageFormat {
    /// Whether EXIF or its like can turn the picture on its side, so that its sides change places when it is shown.
    fileprivate var mayBeTurned: Bool {
        switch self {
        case .jpeg, .tiff, .webp, .avif, .heic: true
        case .png, .gif, .bmp: false
        }
    }
}
