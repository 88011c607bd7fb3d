/// Where the pixels of a BMP file are, and in which order: those with 24 or 32 bits a pixel, which is nearly all of them.
///
/// libvips has no loader of its own for BMP. The format is simple enough to hand libvips the bytes as they are; files
/// with a palette, with 16 bits or with run lengths are not read. The source is Microsoft's description of
/// BITMAPFILEHEADER and of BITMAPINFOHEADER to BITMAPV5HEADER.
struct BitmapLayout: Sendable, Hashable {
    /// The longest header that is looked at, in bytes: file header and BITMAPV5HEADER.
    static let headerLength = 14 + 124

    var size: PixelSize
    /// Of the first pixel, in bytes from the beginning of the file.
    var offset: Int
    /// 3 for blue, green, red; 4 for the same and a byte that is alpha or nothing.
    var bytesPerPixel: Int
    /// Bytes from one row to the next: rows are padded to multiples of four.
    var rowLength: Int
    /// Most files begin with the lowest row.
    var isTopDown: Bool
    var hasAlpha: Bool

    /// Reads the beginning of a file; `nil` when its pixels are in another form, or not all there.
    init?(_ header: [UInt8], fileLength: Int) {
        guard header.count >= 54, header.starts(with: Array("BM".utf8)) else { return nil }
        let kind = Self.little(header, 14, 4)
        let width = Self.little(header, 18, 4)
        let height = Int32(truncatingIfNeeded: Self.little(header, 22, 4))
        let bits = Self.little(header, 28, 2)
        let compression = Self.little(header, 30, 4)
        guard [40, 52, 56, 64, 108, 124].contains(kind), (1...Self.sideLimit).contains(width),
            (1...Self.sideLimit).contains(Int(height.magnitude)), bits == 24 || bits == 32
        else { return nil }
        switch compression {
        case 0: hasAlpha = false
        case 3:
            // Bit fields: only those that say what is usual anyway.
            guard bits == 32, Self.little(header, 54, 4) == 0xFF0000, Self.little(header, 58, 4) == 0xFF00,
                Self.little(header, 62, 4) == 0xFF
            else { return nil }
            hasAlpha = kind >= 56 && kind != 64 && Self.little(header, 66, 4) == 0xFF00_0000
        default: return nil
        }
        size = PixelSize(width: width, height: Int(height.magnitude))
        offset = Self.little(header, 10, 4)
        bytesPerPixel = bits / 8
        rowLength = (width * bits + 31) / 32 * 4
        isTopDown = height < 0
        // The last row may lack its padding, but libvips wants whole ones.
        guard offset >= 54, fileLength - offset >= rowLength * size.height else { return nil }
    }

    /// Beyond this no image is within any limit, and products of sides stay far from overflowing.
    private static let sideLimit = 1_000_000

    private static func little(_ bytes: [UInt8], _ offset: Int, _ count: Int) -> Int {
        bytes.dropFirst(offset).prefix(count).reversed().reduce(0) { $0 << 8 | Int($1) }
    }
}
