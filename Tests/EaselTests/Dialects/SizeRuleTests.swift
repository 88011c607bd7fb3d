import Testing

@testable import Easel

struct SizeRuleTests {
    /// The sizes of the BizyAir page.
    static let list = SizeRule(
        list: ["1328x1328", "1664x928", "928x1664", "1472x1140", "1140x1472", "1584x1056", "1056x1584"].compactMap(
            SizeRule.Pixels.init))
    static let sides = SizeRule(side: 512...2048, step: 16)
    static let area = SizeRule(area: 3_686_400...16_777_216, ratio: 1.0 / 16...16, levels: ["2K", "4K"])
    static let gemini = SizeRule(
        aspects: ["1:1", "2:3", "3:2", "16:9", "21:9"].compactMap(SizeRule.Aspect.init), levels: ["1K", "2K"])

    @Test(arguments: [
        (list, "1328x1328", "1328x1328", true),
        (list, "512x512", "1328x1328", false),
        (list, "16:9", "1664x928", true),
        (list, "9:16", "928x1664", true),
        (list, "1024x768", "1472x1140", false),
        (list, "768x1024", "1140x1472", false),
        (list, "10000x100", "1664x928", false),
        (list, "1K", "1328x1328", false),
        (sides, "1024x1024", "1024x1024", true),
        (sides, "1000x1000", "1008x1008", false),
        (sides, "100x100", "512x512", false),
        (sides, "4096x1024", "2048x512", false),
        (sides, "1000x3000", "688x2048", false),
        (sides, "100x16384", "512x2048", false),
        (sides, "3:2", "1248x832", true),
        (sides, "2K", "2048x2048", true),
        (sides, "4K", "2048x2048", false),
        (area, "2048x2048", "2048x2048", true),
        (area, "1024x1024", "1920x1920", false),
        (area, "16:9", "2560x1440", true),
        (area, "2K", "2K", true),
        (area, "1K", "2K", false),
        (gemini, "1024x1024", "1:1 1K", true),
        (gemini, "1000x1024", "1:1 1K", false),
        (gemini, "1536x1024", "3:2 1K", true),
        (gemini, "4096x4096", "1:1 2K", false),
        (gemini, "16:9", "16:9", true),
        (gemini, "7:4", "16:9", true),
        (gemini, "5:4", "3:2", false),
        (gemini, "2K", "2K", true),
        (SizeRule(), "123x456", "123x456", true),
    ])
    func `the nearest size keeps the shape first and then the area`(
        rule: SizeRule, asked: String, expected: String, isFaithful: Bool
    ) throws {
        let size = try #require(SizeRuleReader.size(asked))
        let resolved = try #require(rule.resolve(size))
        let text =
            resolved.pixels.map { "\($0.width)x\($0.height)" }
            ?? [resolved.aspect.map { "\($0.width):\($0.height)" }, resolved.level].compactMap(\.self)
            .joined(separator: " ")
        #expect(text == expected)
        #expect(resolved.isFaithful == isFaithful)
    }

    @Test(arguments: [list, sides, area, SizeRule(side: 512...2048, step: 32, area: 1 << 18...1 << 21)])
    func `every size that is asked for ends within the bounds`(rule: SizeRule) {
        for width in stride(from: 1, through: 16_384, by: 977) {
            for height in stride(from: 1, through: 16_384, by: 883) {
                let nearest = rule.nearest(to: SizeRule.Pixels(width: width, height: height))
                #expect(rule.isWithin(nearest), "\(width)x\(height) became \(nearest)")
            }
        }
    }

    @Test(arguments: [Int.min, -1, 0, Int.max])
    func `a senseless side ends within the bounds too`(side: Int) throws {
        for rule in [Self.list, Self.sides, Self.area, Self.gemini, SizeRule()] {
            #expect(rule.resolve(.pixels(width: side, height: 1024)) != nil)
            #expect(rule.resolve(.aspect(width: side, height: 3)) != nil)
        }
    }

    @Test func `auto is left to the provider`() {
        #expect(Self.list.resolve(.auto) == nil)
    }
}

extension SizeRule {
    /// Rounding to the step may leave an extreme shape a little outside the bounds of its ratio.
    fileprivate func isWithin(_ size: Pixels) -> Bool {
        var rule = self
        rule.ratio = ratio.map { $0.lowerBound * 0.98...$0.upperBound * 1.02 }
        return rule.allows(size)
    }
}
