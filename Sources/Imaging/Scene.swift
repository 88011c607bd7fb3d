/// A landscape made of numbers: sky, sun or moon, and hills that fade with distance.
///
/// It stands in for what a real model would paint: the same seed and size give the same picture, another seed another one.
struct Scene: Sendable {
    private let size: PixelSize
    private let palette: Palette
    private var random: SplitMix64

    init(size: PixelSize, seed: UInt64) {
        self.size = size
        random = SplitMix64(seed: seed)
        palette = Palette.all[random.next(in: 0...Palette.all.count - 1)]
    }

    /// The scene as an SVG document of exactly the size in pixels.
    ///
    /// - Parameter isCutOut: Whether only a disc is painted and everything around it stays transparent.
    /// - Returns: The document; it contains nothing but numbers and colours.
    func svg(isCutOut: Bool = false) -> String {
        var scene = self
        let radius = min(size.width, size.height) * 49 / 100
        let frame = isCutOut ? "<clipPath id='disc'><circle cx='50%' cy='50%' r='\(radius)'/></clipPath>" : ""
        return """
            <svg xmlns='http://www.w3.org/2000/svg' width='\(size.width)' height='\(size.height)'>
            <defs>\(frame)</defs>
            <g\(isCutOut ? " clip-path='url(#disc)'" : "")>\(scene.sky())\(scene.light())\(scene.hills())</g>
            </svg>
            """
    }
}

extension Scene {
    /// The length that everything round is measured in, in pixels.
    private var unit: Int { min(size.width, size.height) }

    private mutating func sky() -> String {
        var elements = """
            <linearGradient id='sky' x1='0' y1='0' x2='0' y2='1'><stop offset='0' stop-color='\(palette.sky)'/>
            <stop offset='0.75' stop-color='\(palette.horizon)'/></linearGradient>
            <rect width='100%' height='100%' fill='url(#sky)'/>
            """
        guard palette.isNight else { return elements }
        for _ in 0..<90 {
            let (x, y) = (random.next(in: 0...size.width), random.next(in: 0...size.height * 6 / 10))
            let radius = max(unit * random.next(in: 7...24) / 10, 350)  // thousandths of a pixel
            elements += "<circle cx='\(x)' cy='\(y)' r='\(decimal(radius))' fill='#fff'"
            elements += " fill-opacity='0.\(random.next(in: 25...90))'/>"
        }
        return elements
    }

    /// The sun or the moon in its glow.
    private mutating func light() -> String {
        let (x, y) = (random.next(in: 18...82) * size.width / 100, random.next(in: 13...30) * size.height / 100)
        let radius = random.next(in: 60...110) * unit / 1000
        return """
            <radialGradient id='glow' gradientUnits='userSpaceOnUse' cx='\(x)' cy='\(y)' r='\(radius * 6)'>
            <stop offset='0' stop-color='\(palette.light)' stop-opacity='0.75'/>
            <stop offset='0.35' stop-color='\(palette.light)' stop-opacity='0.22'/>
            <stop offset='1' stop-color='\(palette.light)' stop-opacity='0'/></radialGradient>
            <rect width='100%' height='100%' fill='url(#glow)'/>
            <circle cx='\(x)' cy='\(y)' r='\(radius)' fill='\(palette.light)' fill-opacity='0.95'/>
            """
    }

    private mutating func hills() -> String {
        let count = random.next(in: 4...6)
        return (0..<count).map { hill($0, of: count) }.joined()
    }

    /// One ridge: a smooth curve through points at even distances, higher and darker the nearer it is.
    private mutating func hill(_ index: Int, of count: Int) -> String {
        let nearness = 100 * index / max(1, count - 1)
        let baseline = size.height * (54 + 36 * nearness / 100) / 100
        let swing = max(1, size.height * (5 + 4 * nearness / 100) / 100)
        let points = random.next(in: 5...8)
        let step = max(1, size.width / points)
        let heights = (0...points + 2).map { _ in baseline + random.next(in: -swing...swing) }

        var path = "M\(-step) \(size.height)L\(-step) \(heights[0])"
        for (place, pair) in zip(heights, heights.dropFirst()).enumerated() {
            let (left, right) = ((place - 1) * step, place * step)
            let middle = (left + right) / 2
            path += "C\(middle) \(pair.0) \(middle) \(pair.1) \(right) \(pair.1)"
        }
        path += "L\(points * step + 2 * step) \(size.height)Z"

        let colour = palette.far.mixed(with: palette.near, percent: nearness)
        let mist = colour.mixed(with: palette.horizon, percent: 45 - 35 * nearness / 100)
        return """
            <linearGradient id='hill\(index)' x1='0' y1='0' x2='0' y2='1'><stop offset='0' stop-color='\(colour)'/>
            <stop offset='0.8' stop-color='\(mist)'/></linearGradient><path d='\(path)' fill='url(#hill\(index))'/>
            """
    }

    /// Thousandths as a decimal fraction.
    private func decimal(_ thousandths: Int) -> String {
        "\(thousandths / 1000).\(String(thousandths % 1000 + 1000).dropFirst())"
    }
}

/// The colours of a scene.
private struct Palette: Sendable {
    var sky: Colour
    var horizon: Colour
    var light: Colour
    var far: Colour
    var near: Colour
    var isNight = false

    static let all = [
        Palette(sky: 0x2E3A6E, horizon: 0xF7B58C, light: 0xFFE9C4, far: 0x8A6F9E, near: 0x2A2547),  // dawn
        Palette(sky: 0x3C8DD0, horizon: 0xD9F0F7, light: 0xFFFBE6, far: 0x8FB7C9, near: 0x1F4E5F),  // noon
        Palette(sky: 0x4A2C6B, horizon: 0xFF8E6E, light: 0xFFD9A0, far: 0x9B5A83, near: 0x2B1B3D),  // dusk
        Palette(sky: 0x0B1433, horizon: 0x35507F, light: 0xF4F1DE, far: 0x3D5584, near: 0x0A1026, isNight: true),
        Palette(sky: 0x2F7F86, horizon: 0xDDF3E4, light: 0xFFF8D6, far: 0x86BFAE, near: 0x16423C),  // spring
        Palette(sky: 0x6FA3B8, horizon: 0xFBE3B9, light: 0xFFF6DC, far: 0xDDA57C, near: 0x6B2F2A),  // desert
        Palette(sky: 0x7A6FA8, horizon: 0xFBD5DC, light: 0xFFF2EC, far: 0xBE8FB0, near: 0x4A2F55),  // rose
        Palette(sky: 0x5C7C8A, horizon: 0xF6D7A8, light: 0xFFF3D0, far: 0xC58B5B, near: 0x3F2A1E),  // autumn
        Palette(sky: 0x06202B, horizon: 0x1F6F6A, light: 0xDFFFE9, far: 0x2A6A70, near: 0x04151C, isNight: true),
    ]
}

/// A colour as in CSS, `0xRRGGBB`.
private struct Colour: Sendable, ExpressibleByIntegerLiteral, CustomStringConvertible {
    var value: Int

    init(integerLiteral value: Int) { self.value = value }

    var description: String { "#\(String(value + 0x100_0000, radix: 16).dropFirst())" }

    func mixed(with other: Colour, percent: Int) -> Colour {
        [16, 8, 0].reduce(into: 0) { result, shift in
            let (own, others) = ((value >> shift) & 0xFF, (other.value >> shift) & 0xFF)
            result.value |= ((own * (100 - percent) + others * percent) / 100) << shift
        }
    }
}
