import Imaging

/// What has to happen to an input image before a provider takes it, decided from its header alone.
enum ImageNeed: Sendable, Hashable {
    /// It fits, and is sent untouched.
    case nothing
    /// It must be written anew: in a format that the provider lists, and no larger than the provider's bounds.
    case conversion(Conversion)
    /// The provider lists only formats that cannot be written here.
    case unwritableFormats

    /// What is taken to be listed where a provider's page names no formats: what every image model reads.
    static let commonFormats: Set<ImageFormat> = [.png, .jpeg, .webp]

    /// An image of unknown format needs nothing: there is no way to tell that it would not fit.
    init(_ image: ImageFile, for bounds: ImageBounds) {
        let listed = bounds.formats
        guard let format = ImageFormat(mediaType: image.mediaType),
            !listed.contains(format) || !bounds.exceeded(by: image).isEmpty
        else {
            self = .nothing
            return
        }
        // A lossless original stays lossless where the provider lets it, and so does whatever has transparency.
        guard let lossless = [.png, .webp, .tiff, .gif, .jpeg].first(where: listed.contains),
            let lossy = [.jpeg, .png, .webp, .tiff, .gif].first(where: listed.contains)
        else {
            self = .unwritableFormats
            return
        }
        self = .conversion(
            Conversion(
                encoding: Encoding(format: format.isLossless ? lossless : lossy),
                transparentEncoding: Encoding(format: lossless), maximumWidth: bounds.side?.upperBound,
                maximumHeight: bounds.side?.upperBound, maximumPixels: bounds.pixels, maximumBytes: bounds.bytes))
    }
}

extension ImageBounds {
    var formats: Set<ImageFormat> {
        mediaTypes.isEmpty ? ImageNeed.commonFormats : Set(mediaTypes.compactMap { ImageFormat(mediaType: $0) })
    }

    /// The upper bounds that an image breaks, in words such as `sides up to 3072`.
    ///
    /// Lower bounds are left to the provider: pixels that are not there cannot be made up.
    func exceeded(by image: ImageFile) -> [String] {
        exceeded(by: PixelSize(width: image.width, height: image.height), length: image.length)
    }

    func exceeded(by size: PixelSize, length: Int) -> [String] {
        var words: [String] = []
        if let side, max(size.width, size.height) > side.upperBound { words.append("sides up to \(side.upperBound)") }
        if let pixels, size.pixels > pixels { words.append("up to \(pixels) pixels") }
        if let bytes, length > bytes { words.append("up to \(Self.text(bytes: bytes))") }
        return words
    }

    /// A number of bytes as people write it: `4 MB`.
    static func text(bytes: Int) -> String {
        bytes >= 1_000_000 && bytes.isMultiple(of: 1_000_000) ? "\(bytes / 1_000_000) MB" : "\(bytes) bytes"
    }
}

extension ImageFormat {
    /// Whether decoding it gives the pixels that went in; WebP, AVIF and HEIC hardly ever do.
    fileprivate var isLossless: Bool {
        switch self {
        case .png, .gif, .bmp, .tiff: true
        case .jpeg, .webp, .avif, .heic: false
        }
    }
}
