import JSON
import YAML

/// Reads `limits` and `fill_in` of a dialect.
struct LimitsReader {
    let mistakes: Mistakes

    static let keys = ["n", "images", "image", "mask", "prompt", "size"] + Parameter.allCases.map(\.rawValue)

    func limits(_ node: Node) -> Limits {
        let part = DialectPart(node, "limits", mistakes, keys: Self.keys)
        var limits = Limits()
        if let node = part["n"] {
            let bound = bound(node, "n")
            if case .numbers(let range) = bound.rule {
                limits.count = range
            } else if bound.rule != .anything {
                mistakes.report(node.position, "'n' must be a range like 1..4")
            }
            limits.countDefault = bound.providerDefault
        }
        if let images = part.value("images", like: "1 or 1..3", Self.wholeRange) {
            if images.upperBound > Placeholder.maximumImages {
                part.report("images", "'images' can be at most \(Placeholder.maximumImages)")
            }
            limits.images = images
        }
        limits.image = image(part)
        limits.mask = part.value("mask", like: "transparent, white or black", MaskPolarity.init) ?? .transparent
        if let node = part["prompt"], let text = part.text(node, "'prompt'") {
            limits.prompt = Self.characters(text)
            if limits.prompt == nil { part.report("prompt", "'prompt' is '\(text)'; write it like 1000 characters") }
        }
        if let node = part["size"] { (limits.size, limits.sizeDefault) = SizeRuleReader(mistakes: mistakes).rule(node) }
        for parameter in Parameter.allCases {
            if let node = part[parameter.rawValue] { limits.parameters[parameter] = bound(node, parameter.rawValue) }
        }
        return limits
    }

    func fillIn(_ node: Node, within limits: Limits) -> Dialect.FillIn {
        let part = DialectPart(node, "fill_in", mistakes, keys: ["size"] + Parameter.allCases.map(\.rawValue))
        var fillIn = Dialect.FillIn()
        fillIn.size = part.value("size", like: "1024x1024, 16:9 or 2K", SizeRuleReader.size)
        if case .pixels(let width, let height)? = fillIn.size, !limits.size.allows(.init(width: width, height: height))
        {
            part.report("size", "'size' fills in \(width)x\(height), which is outside its own limits")
        }
        for parameter in Parameter.allCases {
            guard let node = part[parameter.rawValue] else { continue }
            guard let value = Self.value(node) else {
                mistakes.report(node.position, "'\(parameter.rawValue)' must be a value")
                continue
            }
            if parameter == .seed, value == "random" {
                fillIn.randomSeed = true
                continue
            }
            if let bound = limits.parameters[parameter], bound.settle(value).outcome != .applied, !bound.isWords {
                mistakes.report(
                    node.position,
                    "'\(parameter.rawValue)' fills in \(value.scalarText ?? ""), which is outside its own limits")
            }
            fillIn.parameters[parameter] = value
        }
        return fillIn
    }

    private func image(_ limits: DialectPart) -> ImageBounds {
        var bounds = ImageBounds()
        guard let part = limits.part("image", keys: ["bytes", "side", "pixels", "formats"]) else { return bounds }
        bounds.bytes = part.value("bytes", like: "10MB", Quantity.bytes)
        bounds.side = part.value("side", like: "384..3072", Self.wholeRange)
        bounds.pixels = part.value("pixels", like: "50MP", Quantity.pixels)
        for node in part.list("formats") {
            guard let format = node.string, let mediaType = MediaTypes.named(format) else {
                mistakes.report(
                    node.position, "'\(node.string ?? "")' is no image format; write them like [png, jpeg, webp]")
                continue
            }
            bounds.mediaTypes.insert(mediaType)
        }
        return bounds
    }

    /// A bound as a range, a list of values, a mapping of words, a length, or only what the provider's default is.
    private func bound(_ node: Node, _ name: String) -> Bound {
        switch node.content {
        case .sequence(let nodes):
            if nodes.isEmpty {
                mistakes.report(node.position, "'\(name)' has no value at all; write the ones there are")
            }
            return Bound(rule: .choices(nodes.compactMap(Self.value)))
        case .mapping(let entries):
            return Bound(
                rule: .words(
                    entries.compactMap { entry in
                        Self.value(entry.value).map { Bound.Word(asked: entry.key, sent: $0) }
                    }))
        case .scalar(let text, _):
            return scalarBound(text, name, at: node.position)
        }
    }

    private func scalarBound(_ text: String, _ name: String, at position: Position) -> Bound {
        var rule = text[...]
        var bound = Bound()
        if text.hasPrefix("default ") {
            bound.providerDefault = String(text.dropFirst("default ".count))
            return bound
        }
        if let comma = text.firstRange(of: ", default ") {
            bound.providerDefault = String(text[comma.upperBound...])
            rule = text[..<comma.lowerBound]
        }
        if let characters = Self.characters(String(rule)) {
            bound.rule = .characters(characters)
        } else if let range = Self.numberRange(rule) {
            bound.rule = .numbers(range)
            if range.isEmpty { mistakes.report(position, "the bounds \(rule) of '\(name)' contradict themselves") }
            if let value = bound.providerDefault.flatMap({ Self.number($0[...]) }), !range.contains(value), value != -1
            {
                mistakes.report(
                    position, "the default \(value.scalarText ?? "") of '\(name)' is outside its bounds \(rule)")
            }
        } else {
            mistakes.report(
                position,
                "'\(text)' cannot be read as a bound of '\(name)'; write it like 1..50, [low, high] or 500 characters")
        }
        return bound
    }
}

// The small words.
extension LimitsReader {
    /// `1..4`, `0.1..20`, `..50`, `1..`.
    private static func numberRange(_ text: Substring) -> NumberRange? {
        guard let dots = text.firstRange(of: "..") else { return nil }
        let ends = [text[..<dots.lowerBound], text[dots.upperBound...]]
        let numbers = ends.map(number)
        guard zip(ends, numbers).allSatisfy({ $0.isEmpty || $1 != nil }), numbers.contains(where: { $0 != nil }) else {
            return nil
        }
        return NumberRange(lower: numbers[0], upper: numbers[1])
    }

    private static func number(_ text: Substring) -> JSONValue? {
        if let integer = Int64(text) { return .integer(integer) }
        return Double(text).flatMap { $0.isFinite ? .double($0) : nil }
    }

    /// `3` or `1..3` of whole numbers from 0.
    static func wholeRange(_ text: String) -> ClosedRange<Int>? {
        let parts = text.split(separator: "..", omittingEmptySubsequences: false)
        guard let first = parts.first.flatMap({ Int($0) }), let last = parts.last.flatMap({ Int($0) }),
            parts.count <= 2,
            first >= 0, first <= last, last <= 1_000_000
        else { return nil }
        return first...last
    }

    /// `1000 characters`.
    private static func characters(_ text: String) -> Int? {
        guard text.hasSuffix(" characters"), let count = Int(text.dropLast(" characters".count)), count > 0 else {
            return nil
        }
        return count
    }

    /// A scalar with its type.
    private static func value(_ node: Node) -> JSONValue? {
        if let flag = node.bool { return .bool(flag) }
        if let integer = node.integer { return .integer(integer) }
        if let double = node.double, double.isFinite { return .double(double) }
        return node.string.map(JSONValue.string)
    }
}

extension Bound {
    fileprivate var isWords: Bool { if case .words = rule { true } else { false } }
}
