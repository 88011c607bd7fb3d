import HTTP

/// Which sizes a provider makes, and which of them comes nearest to the one that was asked for.
///
/// One rule serves every way of speaking about size: pixels (`$size`, `$width`, `$height`), an aspect ratio (`$aspect`)
/// and a level (`$level`, or `$size` where levels are listed).
struct SizeRule: Sendable, Hashable {
    /// The only sizes there are; empty when there is no such list.
    var list: [Pixels] = []
    /// The bounds of either side in pixels.
    var side: ClosedRange<Int>?
    /// Sides are multiples of it, in pixels.
    var step = 1
    /// The bounds of width times height.
    var area: ClosedRange<Int>?
    /// The bounds of width divided by height.
    var ratio: ClosedRange<Double>?
    /// The only aspect ratios there are; empty when there is no such list.
    var aspects: [Aspect] = []
    /// The levels there are, such as `2K`; empty when the provider does not know levels.
    var levels: [String] = []

    struct Pixels: Sendable, Hashable {
        var width: Int
        var height: Int

        var area: Double { Double(width) * Double(height) }
        var ratio: Double { Double(width) / Double(height) }
    }

    struct Aspect: Sendable, Hashable {
        var width: Int
        var height: Int

        var ratio: Double { Double(width) / Double(height) }
    }

    /// Longest side there can be, in pixels; far beyond any provider.
    static let longestSide = 65_536
}

/// A size in every form a template may ask for.
struct ResolvedSize: Sendable, Hashable {
    var pixels: SizeRule.Pixels?
    var aspect: SizeRule.Aspect?
    var level: String?
    /// Whether it is what was asked for, if perhaps in another form.
    var isFaithful: Bool
    /// What was changed, for a person.
    var note: String?
}

extension SizeRule {
    /// The nearest size to the one asked for: first by its shape, then by its area; `nil` for ``Size/auto``.
    func resolve(_ size: Size) -> ResolvedSize? {
        switch size {
        case .auto: return nil
        case .pixels(let width, let height):
            let sides = 1...Self.longestSide
            let asked = Pixels(
                width: min(max(width, sides.lowerBound), sides.upperBound),
                height: min(max(height, sides.lowerBound), sides.upperBound))
            return resolve(asked)
        case .aspect(let width, let height):
            return resolve(Aspect(width: max(width, 1), height: max(height, 1)))
        case .level(let level): return resolve(level: level)
        }
    }

    private func resolve(_ asked: Pixels) -> ResolvedSize {
        let pixels = speaksPixels ? nearest(to: asked) : nil
        let aspect = nearestAspect(to: asked.ratio)
        let level = nearestLevel(to: asked.area)
        return ResolvedSize(
            pixels: pixels, aspect: aspect ?? Self.reduced(asked), level: level,
            isFaithful: pixels.map { $0 == asked }
                ?? (isSimilar((aspect ?? Self.reduced(asked)).ratio, asked.ratio) && isNear(level, asked.area)),
            note: pixels == nil || pixels == asked ? nil : "the nearest size the provider makes")
    }

    private func resolve(_ asked: Aspect) -> ResolvedSize {
        let aspect = nearestAspect(to: asked.ratio) ?? asked
        let pixels = speaksPixels ? nearest(toShape: asked.ratio) : nil
        return ResolvedSize(
            pixels: pixels, aspect: aspect, level: nil,
            isFaithful: isSimilar(aspects.isEmpty ? pixels?.ratio ?? aspect.ratio : aspect.ratio, asked.ratio))
    }

    private func resolve(level asked: String) -> ResolvedSize {
        let side = Self.side(ofLevel: asked) ?? 1024
        let area = Double(side) * Double(side)
        guard levels.isEmpty else {
            let level = nearestLevel(to: area)
            return ResolvedSize(
                pixels: nil, aspect: nil, level: level, isFaithful: level?.equalsIgnoringASCIICase(asked) ?? false)
        }
        let pixels = speaksPixels ? nearest(to: Pixels(width: side, height: side)) : nil
        return ResolvedSize(
            pixels: pixels, aspect: nil, level: nil, isFaithful: pixels.map { isSimilar($0.area, area) } ?? false)
    }

    /// Whether sizes can be given in pixels: some bound says so, or nothing says otherwise.
    private var speaksPixels: Bool {
        !list.isEmpty || side != nil || area != nil || ratio != nil || step > 1 || (levels.isEmpty && aspects.isEmpty)
    }

    /// The allowed size nearest to one in pixels.
    func nearest(to asked: Pixels) -> Pixels {
        if allows(asked) { return asked }
        return nearestListed(asked.ratio, asked.area) ?? fitted(Double(asked.width), Double(asked.height))
    }

    /// The allowed size nearest to a shape of a megapixel, which is what image models are trained on.
    private func nearest(toShape ratio: Double) -> Pixels {
        let area = 1024.0 * 1024
        if let listed = nearestListed(ratio, area) { return listed }
        var rule = self
        // Multiples of 16 suit every image model.
        if step == 1 { rule.step = 16 }
        return rule.fitted((area * ratio).squareRoot(), (area / ratio).squareRoot())
    }

    /// The nearest size of the list, by shape first, then by area; of two equally near ones the larger.
    private func nearestListed(_ ratio: Double, _ area: Double) -> Pixels? {
        let distance: (Pixels) -> (Double, Double, Double) = { size in
            (logarithmicDistance(ratio, size.ratio), logarithmicDistance(area, size.area), -size.area)
        }
        return list.min { distance($0) < distance($1) }
    }

    /// Whether a size is within every bound as it is.
    func allows(_ size: Pixels) -> Bool {
        if !list.isEmpty { return list.contains(size) }
        if let side, !side.contains(size.width) || !side.contains(size.height) { return false }
        if let area, !(Double(area.lowerBound)...Double(area.upperBound)).contains(size.area) { return false }
        if let ratio, !ratio.contains(size.ratio) { return false }
        return size.width.isMultiple(of: step) && size.height.isMultiple(of: step)
    }

    /// Scales and rounds a size into the bounds, keeping its shape as far as they let it.
    private func fitted(_ askedWidth: Double, _ askedHeight: Double) -> Pixels {
        var (width, height) = (askedWidth, askedHeight)
        if let ratio, !ratio.contains(width / height) {
            let target = width / height < ratio.lowerBound ? ratio.lowerBound : ratio.upperBound
            let area = width * height
            width = (area * target).squareRoot()
            height = (area / target).squareRoot()
        }
        if let area {
            let target = min(max(width * height, Double(area.lowerBound)), Double(area.upperBound))
            let scale = (target / (width * height)).squareRoot()
            width *= scale
            height *= scale
        }
        if let side {
            let shrink = min(1, Double(side.upperBound) / max(width, height))
            width *= shrink
            height *= shrink
            let grow = max(1, Double(side.lowerBound) / min(width, height))
            width *= grow
            height *= grow
        }
        return withinArea(Pixels(width: rounded(width), height: rounded(height)), ratio: width / height)
    }

    /// The nearest multiple of the step within the bounds of a side.
    private func rounded(_ length: Double) -> Int {
        let lowest = side?.lowerBound ?? step
        let highest = side?.upperBound ?? Self.longestSide
        let smallest = (lowest + step - 1) / step * step
        let largest = highest / step * step
        let bounded = length.isFinite ? min(max(length, 1), Double(Self.longestSide)) : 1
        let nearest = Int((bounded / Double(step)).rounded()) * step
        return min(max(nearest, smallest), max(largest, smallest))
    }

    /// Undoes what rounding did to the area: the best neighbour within every bound, else a step at a time.
    private func withinArea(_ rounded: Pixels, ratio: Double) -> Pixels {
        guard let area, !allows(rounded) else { return rounded }
        let steps = [0, -step, step]
        let neighbours = steps.flatMap { width in
            steps.map { Pixels(width: rounded.width + width, height: rounded.height + $0) }
        }
        let distance: (Pixels) -> (Double, Double) = { size in
            (logarithmicDistance(ratio, size.ratio), logarithmicDistance(rounded.area, size.area))
        }
        if let best = neighbours.filter(allows).min(by: { distance($0) < distance($1) }) { return best }
        var size = rounded
        for _ in 0..<64 where size.area > Double(area.upperBound) {
            if size.width >= size.height { size.width -= step } else { size.height -= step }
        }
        for _ in 0..<64 where size.area < Double(area.lowerBound) {
            if size.width <= size.height { size.width += step } else { size.height += step }
        }
        return size
    }

    private func nearestAspect(to ratio: Double) -> Aspect? {
        aspects.min { logarithmicDistance($0.ratio, ratio) < logarithmicDistance($1.ratio, ratio) }
    }

    private func nearestLevel(to area: Double) -> String? {
        levels.min { first, second in
            let distances = [first, second].map { level in
                let side = Double(Self.side(ofLevel: level) ?? 1024)
                return logarithmicDistance(side * side, area)
            }
            return distances[0] < distances[1]
        }
    }

    /// Whether a level is the one an area belongs to: nearer than half way to the next.
    private func isNear(_ level: String?, _ area: Double) -> Bool {
        guard let level else { return true }
        let side = Double(Self.side(ofLevel: level) ?? 1024)
        return logarithmicDistance(side * side, area) <= 2
    }

    /// Within two percent: the sizes that providers call 16:9 are often not quite.
    private func isSimilar(_ first: Double, _ second: Double) -> Bool {
        first <= second * 1.02 && second <= first * 1.02
    }

    /// How far apart two positive numbers are by their quotient: a measure that grows as |ln(a/b)| does.
    private func logarithmicDistance(_ first: Double, _ second: Double) -> Double {
        max(first, second) / min(first, second)
    }

    /// The side in pixels of a square of a level: 1024 for `1K`; also a plain `512`.
    static func side(ofLevel level: String) -> Int? {
        let digits = level.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits), (1...longestSide).contains(number) else { return nil }
        switch level.dropFirst(digits.count) {
        case "": return number
        case "K", "k": return number <= 64 ? number * 1024 : nil
        default: return nil
        }
    }

    /// The aspect ratio of a size in lowest terms.
    private static func reduced(_ size: Pixels) -> Aspect {
        var (larger, smaller) = (max(size.width, size.height), min(size.width, size.height))
        while smaller != 0 { (larger, smaller) = (smaller, larger % smaller) }
        return Aspect(width: size.width / larger, height: size.height / larger)
    }
}
