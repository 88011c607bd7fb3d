/// Finds an image's format and dimensions in its bytes, which may arrive in chunks of any size.
///
/// A pure state machine: it looks at the few bytes it needs, skips over the rest (metadata before a JPEG's frame header,
/// pixels before a TIFF's directory) and holds at most ``fileTypeLimit`` bytes. Nothing is decoded and no input can trap it.
package struct ImageProbe: Sendable {
    package enum Result: Sendable, Hashable {
        case needMoreBytes
        case image(ImageHeader)
        case notAnImage
    }

    /// How many segments, directory entries or boxes are looked at before the dimensions count as unknown.
    static let stepLimit = 8192
    /// The longest `ftyp` box of an AVIF or HEIC file, in bytes; real ones have about 40.
    static let fileTypeLimit = 1024

    /// The bytes at the cursor that were looked at or are waited for.
    private var window: [UInt8] = []
    private var unwanted = 0
    private var step = Step.signature
    private var stepsTaken = 0
    private var header: ImageHeader?
    private var result = Result.needMoreBytes

    package init() {}

    /// Takes the next bytes of the file.
    ///
    /// After an answer other than `needMoreBytes` further bytes change nothing.
    package mutating func feed(_ bytes: Span<UInt8>) -> Result {
        var index = 0
        while result == .needMoreBytes {
            let skipped = min(unwanted, bytes.count - index)
            unwanted -= skipped
            index += skipped
            let end = index + min(step.byteCount - window.count, bytes.count - index)
            while index < end {
                window.append(bytes[index])
                index += 1
            }
            guard unwanted == 0, window.count >= step.byteCount else { break }
            take()
        }
        return result
    }

    /// How many of the next bytes are of no interest, so that a reader of a file may seek instead of feeding them.
    ///
    /// The probe counts them as fed.
    package mutating func takeUnwanted() -> Int {
        defer { unwanted = 0 }
        return unwanted
    }

    /// The answer when the file ends here: an image of unknown dimensions if at least its format was recognised.
    package mutating func finish() -> Result {
        if result == .needMoreBytes { result = header.map { .image($0) } ?? .notAnImage }
        return result
    }
}

extension ImageProbe {
    /// What stands at the cursor.
    private enum Step {
        case signature
        case pngHeader
        case bitmapHeader
        case jpegMarker, jpegFrame
        case webpChunk, webpLossy, webpLossless, webpExtended
        case tiffDirectory(ByteOrder)
        case tiffEntry(ByteOrder, remaining: Int, size: PixelSize)
        case fileType(length: Int)
        /// A box of an ISO base media file; inside `ipco`, the bytes of it that remain.
        case box(properties: Int?)
        case spatialExtents(properties: Int)

        var byteCount: Int {
            switch self {
            case .signature: 12
            case .pngHeader, .bitmapHeader: 16
            case .jpegMarker: 4
            case .jpegFrame: 9
            case .webpChunk, .box: 8
            case .webpLossy, .webpExtended: 10
            case .webpLossless: 5
            case .tiffDirectory: 2
            case .tiffEntry: 12
            case .fileType(let length): length
            case .spatialExtents: 20
            }
        }
    }

    private mutating func take() {
        stepsTaken += 1
        guard stepsTaken <= Self.stepLimit else {
            _ = finish()
            return
        }
        switch step {
        case .signature: takeSignature()
        case .pngHeader: takePNGHeader()
        case .bitmapHeader: takeBitmapHeader()
        case .jpegMarker: takeJPEGMarker()
        case .jpegFrame: conclude(width: window.big(7, 2), height: window.big(5, 2))
        case .webpChunk: takeWebPChunk()
        case .webpLossy: takeWebPLossy()
        case .webpLossless: takeWebPLossless()
        case .webpExtended: conclude(width: window.little(4, 3) + 1, height: window.little(7, 3) + 1)
        case .tiffDirectory(let order): takeTIFFDirectory(order)
        case .tiffEntry(let order, let remaining, let size): takeTIFFEntry(order, remaining: remaining, size: size)
        case .fileType(let length): takeFileType(length: length)
        case .box(let properties): takeBox(properties: properties)
        case .spatialExtents(let properties): takeSpatialExtents(properties: properties)
        }
    }

    /// Moves the cursor and says what stands there.
    private mutating func advance(by count: Int, to next: Step) {
        unwanted = max(0, count - window.count)
        window.removeFirst(min(count, window.count))
        step = next
    }

    private mutating func conclude(width: Int, height: Int) {
        guard var header, width > 0, height > 0 else {
            result = .notAnImage
            return
        }
        header.size = PixelSize(width: width, height: height)
        result = .image(header)
    }

    private mutating func takeSignature() {
        if window.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
            header = ImageHeader(format: .png)
            advance(by: 8, to: .pngHeader)
        } else if window.starts(with: [0xFF, 0xD8, 0xFF]) {
            header = ImageHeader(format: .jpeg)
            advance(by: 2, to: .jpegMarker)
        } else if ["GIF87a", "GIF89a"].contains(window.text(0, 6)) {
            header = ImageHeader(format: .gif)
            conclude(width: window.little(6, 2), height: window.little(8, 2))
        } else if window.text(0, 4) == "RIFF", window.text(8, 4) == "WEBP" {
            header = ImageHeader(format: .webp)
            header?.declaredLength = window.little(4, 4) + 8
            advance(by: 12, to: .webpChunk)
        } else if ["II*\0", "MM\0*"].contains(window.text(0, 4)) {
            let order = window.text(0, 2) == "II" ? ByteOrder.little : .big
            header = ImageHeader(format: .tiff)
            advance(by: max(8, window.integer(order, 4, 4)), to: .tiffDirectory(order))
        } else if ["II+\0", "MM\0+"].contains(window.text(0, 4)) {
            result = .image(ImageHeader(format: .tiff))  // BigTIFF, made for files beyond 4 GB
        } else if window.text(4, 4) == "ftyp", (16...Self.fileTypeLimit).contains(window.big(0, 4)) {
            advance(by: 0, to: .fileType(length: window.big(0, 4)))
        } else if window.text(0, 2) == "BM" {
            advance(by: 10, to: .bitmapHeader)
        } else {
            result = .notAnImage
        }
    }
}

// MARK: - PNG, BMP, JPEG

extension ImageProbe {
    /// The `IHDR` chunk, which must be the first (PNG specification, section 11.2.2).
    private mutating func takePNGHeader() {
        guard window.text(4, 4) == "IHDR" else {
            result = .notAnImage
            return
        }
        conclude(width: window.big(8, 4), height: window.big(12, 4))
    }

    /// From byte 10: where the pixels are, the length of the header that follows, and its dimensions.
    ///
    /// "BM" is a weak signature, so the header's length has to be one that exists. A negative height means top to bottom.
    private mutating func takeBitmapHeader() {
        header = ImageHeader(format: .bmp)
        switch window.little(4, 4) {
        case 12: conclude(width: window.little(8, 2), height: window.little(10, 2))
        case 40, 52, 56, 64, 108, 124:
            let height = Int32(truncatingIfNeeded: window.little(12, 4))
            conclude(width: window.little(8, 4), height: Int(height.magnitude))
        default: result = .notAnImage
        }
    }

    /// Any marker segment (ITU-T T.81, table B.1); the frame header is the first SOF.
    private mutating func takeJPEGMarker() {
        guard window.big(0, 1) == 0xFF else {
            advance(by: 1, to: .jpegMarker)  // decoders look for the next marker too
            return
        }
        switch window.big(1, 1) {
        case 0xFF: advance(by: 1, to: .jpegMarker)  // fill byte
        case 0x01, 0xD0...0xD8: advance(by: 2, to: .jpegMarker)  // markers without a segment
        case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF: advance(by: 0, to: .jpegFrame)
        case 0x00, 0xD9, 0xDA: result = .notAnImage  // the end, or pixels, before any frame header
        default: advance(by: 2 + max(2, window.big(2, 2)), to: .jpegMarker)
        }
    }
}

// MARK: - WebP (RFC 9649, section 2)

extension ImageProbe {
    private mutating func takeWebPChunk() {
        switch window.text(0, 4) {
        case "VP8 ": advance(by: 8, to: .webpLossy)
        case "VP8L": advance(by: 8, to: .webpLossless)
        case "VP8X": advance(by: 8, to: .webpExtended)
        default: result = .notAnImage
        }
    }

    /// A VP8 key frame: a frame tag of three bytes, a start code, and 14 bits each (RFC 6386, section 9.1).
    private mutating func takeWebPLossy() {
        guard window.big(3, 3) == 0x9D_012A else {
            result = .notAnImage
            return
        }
        conclude(width: window.little(6, 2) & 0x3FFF, height: window.little(8, 2) & 0x3FFF)
    }

    private mutating func takeWebPLossless() {
        guard window.big(0, 1) == 0x2F else {
            result = .notAnImage
            return
        }
        let bits = window.little(1, 4)
        conclude(width: bits & 0x3FFF + 1, height: bits >> 14 & 0x3FFF + 1)
    }
}

// MARK: - TIFF (TIFF 6.0, section 2)

extension ImageProbe {
    private mutating func takeTIFFDirectory(_ order: ByteOrder) {
        let entries = window.integer(order, 0, 2)
        advance(by: 2, to: .tiffEntry(order, remaining: entries, size: PixelSize(width: 0, height: 0)))
        if entries == 0 { result = .notAnImage }
    }

    private mutating func takeTIFFEntry(_ order: ByteOrder, remaining: Int, size: PixelSize) {
        let isShort = window.integer(order, 2, 2) == 3
        let value = window.integer(order, 8, isShort ? 2 : 4)
        var size = size
        switch window.integer(order, 0, 2) {
        case 256: size.width = value
        case 257: size.height = value
        default: break
        }
        if (size.width > 0 && size.height > 0) || remaining <= 1 {
            conclude(width: size.width, height: size.height)
        } else {
            advance(by: 12, to: .tiffEntry(order, remaining: remaining - 1, size: size))
        }
    }
}

// MARK: - AVIF and HEIC (ISO/IEC 14496-12 and 23008-12)

extension ImageProbe {
    /// The `ftyp` box names the format in its major brand or, under a general one such as `mif1`, in the compatible brands.
    private mutating func takeFileType(length: Int) {
        let brands = Set(stride(from: 8, to: length - 3, by: 4).filter { $0 != 12 }.map { window.text($0, 4) })
        if !brands.isDisjoint(with: ["avif", "avis"]) {
            header = ImageHeader(format: .avif)
        } else if !brands.isDisjoint(with: ["heic", "heix", "hevc", "hevx"]) {
            header = ImageHeader(format: .heic)
        } else {
            result = .notAnImage
        }
        advance(by: length, to: .box(properties: nil))
    }

    /// Walks into `meta`, `iprp` and `ipco`, and over every other box.
    private mutating func takeBox(properties: Int?) {
        let length = window.big(0, 4)
        let remaining = properties.map { $0 - length }
        switch window.text(4, 4) {
        case "meta" where properties == nil: advance(by: 12, to: .box(properties: nil))
        case "iprp" where properties == nil: advance(by: 8, to: .box(properties: nil))
        case "ipco" where properties == nil: advance(by: 8, to: .box(properties: length - 8))
        case "ispe" where properties != nil && length == 20:
            advance(by: 0, to: .spatialExtents(properties: remaining ?? 0))
        default:
            // Lengths 0 and 1 announce a box up to the end of the file or beyond 4 GB: neither comes before `ipco`.
            if length < 8 || (remaining ?? 1) <= 0 {
                _ = finish()
            } else {
                advance(by: length, to: .box(properties: remaining))
            }
        }
    }

    /// One of perhaps several sizes: the image is larger than its thumbnails and than the tiles it is made of.
    private mutating func takeSpatialExtents(properties: Int) {
        let size = PixelSize(width: window.big(12, 4), height: window.big(16, 4))
        if size.width > 0, size.height > 0, size.pixels > header?.size?.pixels ?? 0 { header?.size = size }
        if properties <= 0 { _ = finish() } else { advance(by: 20, to: .box(properties: properties)) }
    }
}

// MARK: - Fields of a header

private enum ByteOrder: Sendable {
    case little, big
}

extension [UInt8] {
    fileprivate func text(_ offset: Int, _ count: Int) -> String {
        String(decoding: dropFirst(offset).prefix(count), as: UTF8.self)
    }

    fileprivate func big(_ offset: Int, _ count: Int) -> Int {
        dropFirst(offset).prefix(count).reduce(0) { $0 << 8 | Int($1) }
    }

    fileprivate func little(_ offset: Int, _ count: Int) -> Int {
        dropFirst(offset).prefix(count).reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    fileprivate func integer(_ order: ByteOrder, _ offset: Int, _ count: Int) -> Int {
        order == .big ? big(offset, count) : little(offset, count)
    }
}
