import YAML

/// Reads a dialect's `size` limits.
struct SizeRuleReader {
    let mistakes: Mistakes

    /// Reads a list of sizes, or a mapping of rules, and what the provider does without a size.
    func rule(_ node: Node) -> (SizeRule, providerDefault: String?) {
        var rule = SizeRule()
        if let nodes = node.sequence {
            rule.list = list(nodes, like: "1024x1024", SizeRule.Pixels.init)
            if rule.list.isEmpty {
                mistakes.report(node.position, "'size' has no size at all; write the ones there are")
            }
            return (rule, nil)
        }
        let part = DialectPart(
            node, "limits.size", mistakes,
            keys: ["list", "side", "step", "area", "ratio", "aspects", "levels", "default"])
        rule.list = list(part.list("list"), like: "1024x1024", SizeRule.Pixels.init)
        rule.side = part.value("side", like: "512..2048", LimitsReader.wholeRange)
        rule.step = part.value("step", like: "16") { Int($0).flatMap { (1...4096).contains($0) ? $0 : nil } } ?? 1
        rule.area = part.value("area", like: "512x512..2048x2048 or 262144..4194304", Self.areas)
        rule.ratio = part.value("ratio", like: "1:3..3:1", Self.ratios)
        rule.aspects = list(part.list("aspects"), like: "16:9", SizeRule.Aspect.init)
        rule.levels = list(part.list("levels"), like: "2K") { SizeRule.side(ofLevel: $0) == nil ? nil : $0 }
        if let side = rule.side, side.upperBound / rule.step * rule.step < side.lowerBound {
            part.report("step", "no multiple of \(rule.step) is within 'side' \(side.lowerBound)..\(side.upperBound)")
        }
        if let side = rule.side, let area = rule.area {
            let reachable =
                Double(side.lowerBound) * Double(side.lowerBound)...Double(side.upperBound) * Double(side.upperBound)
            if !reachable.overlaps(Double(area.lowerBound)...Double(area.upperBound)) {
                part.report("area", "'area' and 'side' contradict each other: no size is within both")
            }
        }
        return (rule, part.text("default"))
    }

    /// A size as the template language writes it: `1024x1024`, `16:9`, `2K`.
    static func size(_ text: String) -> Size? {
        if let pixels = SizeRule.Pixels(text) { return .pixels(width: pixels.width, height: pixels.height) }
        if let aspect = SizeRule.Aspect(text) { return .aspect(width: aspect.width, height: aspect.height) }
        return SizeRule.side(ofLevel: text) == nil ? nil : .level(text)
    }

    private func list<Value>(_ nodes: [Node], like example: String, _ read: (String) -> Value?) -> [Value] {
        nodes.compactMap { node in
            if let value = node.string.flatMap(read) { return value }
            mistakes.report(node.position, "'\(node.string ?? "")' cannot be read here; write it like \(example)")
            return nil
        }
    }

    /// Two areas, each a number of pixels or a size.
    private static func areas(_ text: String) -> ClosedRange<Int>? {
        range(text) { end in
            (Int(end) ?? SizeRule.Pixels(String(end)).map { $0.width * $0.height }).flatMap { $0 > 0 ? $0 : nil }
        }
    }

    /// Two ratios, each a number or `width:height`.
    private static func ratios(_ text: String) -> ClosedRange<Double>? {
        range(text) { end in
            (Double(end) ?? SizeRule.Aspect(String(end))?.ratio).flatMap { (0.001...1000).contains($0) ? $0 : nil }
        }
    }

    private static func range<Bound: Comparable>(_ text: String, _ read: (Substring) -> Bound?) -> ClosedRange<Bound>? {
        guard let dots = text.firstRange(of: ".."), let lower = read(text[..<dots.lowerBound]),
            let upper = read(text[dots.upperBound...]), lower <= upper
        else { return nil }
        return lower...upper
    }
}

extension SizeRule.Pixels {
    /// Reads `1024x768`.
    init?(_ text: String) {
        guard let pair = pair(text, "x", upTo: SizeRule.longestSide) else { return nil }
        self.init(width: pair.0, height: pair.1)
    }
}

extension SizeRule.Aspect {
    /// Reads `16:9`.
    init?(_ text: String) {
        guard let pair = pair(text, ":", upTo: 1000) else { return nil }
        self.init(width: pair.0, height: pair.1)
    }
}

private func pair(_ text: String, _ separator: Character, upTo limit: Int) -> (Int, Int)? {
    let parts = text.split(separator: separator, omittingEmptySubsequences: false)
    guard parts.count == 2, let first = Int(parts[0]), let second = Int(parts[1]), (1...limit).contains(first),
        (1...limit).contains(second)
    else { return nil }
    return (first, second)
}
