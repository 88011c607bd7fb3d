import JSON

/// What a dialect does with every parameter, as a person would look for it on the provider's page.
struct ParameterTable: Sendable, Hashable {
    struct Row: Sendable, Hashable {
        /// The canonical name; empty for what the dialect sends by itself.
        var parameter: String
        /// Where the provider gets it: `parameters.size`.
        var native: String
        /// What the provider takes: `1..50`.
        var bounds: String
        /// What happens without it.
        var notes: String
    }

    /// The models it is about; `*` is every one, or every other.
    var models: String
    var operation: ImageOrder.Operation
    var rows: [Row]
    /// The parameters that the provider cannot take, by their canonical names.
    var dropped: [String]
}

extension Dialect {
    /// A table for each operation of each kind of model that the dialect tells apart.
    var parameterTables: [ParameterTable] {
        variants.flatMap { variant in
            ImageOrder.Operation.allCases.filter(variant.operations.contains).compactMap { operation in
                variant.requests[operation].map { table($0, variant, operation) }
            }
        }
    }

    private func table(
        _ request: RequestTemplate, _ variant: Variant, _ operation: ImageOrder.Operation
    ) -> ParameterTable {
        var natives: [String: [String]] = [:]
        var forms: [String: Set<ImageForm>] = [:]
        request.forEachPlaceholder { placeholder, native in
            // An image's type is no parameter of its own.
            if placeholder.imageForm == .mediaType { return }
            guard let name = placeholder.tableName else { return }
            if let form = placeholder.imageForm { forms[name, default: []].formUnion(form.alternatives) }
            if !natives[name, default: []].contains(native) { natives[name, default: []].append(native) }
        }
        for member in variant.stream?.request ?? [] {
            member.template.forEachPlaceholder(at: member.name) { placeholder, native in
                if let name = placeholder.tableName { natives[name] = natives[name] ?? [native] }
            }
        }
        let order =
            ["model", "prompt"] + (operation == .edit ? ["images", "mask"] : []) + ["n", "size"]
            + Parameter.allCases.map(\.rawValue)
        var rows = order.compactMap { name -> ParameterTable.Row? in
            if let native = natives[name] {
                return ParameterTable.Row(
                    parameter: name, native: Self.joined(native), bounds: bounds(name, variant, forms[name]) ?? "",
                    notes: notes(name, variant) ?? "")
            }
            return name == "n" && renderer == nil
                ? ParameterTable.Row(parameter: name, native: "", bounds: "", notes: "one request per image") : nil
        }
        request.forEachConstant { value, native in
            guard let text = value.scalarText else { return }
            rows.append(ParameterTable.Row(parameter: "", native: native, bounds: "", notes: "always \(text)"))
        }
        let dropped = order.filter { natives[$0] == nil && $0 != "n" && $0 != "model" }
        return ParameterTable(models: variant.models.text, operation: operation, rows: rows, dropped: dropped)
    }

    /// Several places of one parameter, in short: `image_size.{width, height}`, `image … image_8`.
    private static func joined(_ natives: [String]) -> String {
        guard let first = natives.first, let last = natives.last, natives.count > 1 else { return natives.joined() }
        if natives.count > 3 { return "\(first) … \(last)" }
        let parents = Set(natives.map { $0.split(separator: ".").dropLast().joined(separator: ".") })
        guard let parent = parents.first, parents.count == 1, !parent.isEmpty else {
            return natives.joined(separator: ", ")
        }
        return "\(parent).{\(natives.map { $0.dropFirst(parent.count + 1) }.joined(separator: ", "))}"
    }

    private func bounds(_ name: String, _ variant: Variant, _ forms: Set<ImageForm>?) -> String? {
        let limits = variant.limits
        switch name {
        case "prompt": return limits.prompt.map { "\($0) characters" }
        case "images":
            let most = limits.images.upperBound
            let count = most > 1 ? "\(max(limits.images.lowerBound, 1))..\(most)" : "\(most)"
            return ([count, forms?.text].compactMap(\.self) + limits.image.texts).joined(separator: ", ")
        case "mask": return forms?.text
        case "n": return limits.count.upper.map { $0 == 1 ? "1" : limits.count.text }
        case "size": return limits.size.text
        default: return Parameter(rawValue: name).flatMap { limits.parameters[$0]?.text }
        }
    }

    private func notes(_ name: String, _ variant: Variant) -> String? {
        let limits = variant.limits
        switch name {
        case "model": return "the route's"
        case "prompt": return "required"
        case "mask": return "\(limits.mask.rawValue) may change"
        case "n":
            return limits.count.upper == 1 ? "one request per image" : limits.countDefault.map { "default \($0)" }
        case "size":
            return variant.fillIn.size.map { "\($0.text) unless given" } ?? limits.sizeDefault.map { "default \($0)" }
        default:
            guard let parameter = Parameter(rawValue: name) else { return nil }
            if parameter == .partialImages { return "only when streamed" }
            if parameter == .seed, variant.fillIn.randomSeed { return "random unless given" }
            if let value = variant.fillIn.parameters[parameter] { return "\(value.scalarText ?? "") unless given" }
            return limits.parameters[parameter]?.providerDefault.map { "default \($0)" }
        }
    }
}

extension Placeholder {
    /// What its row is called.
    fileprivate var tableName: String? {
        switch self {
        case .model, .modelApplication: "model"
        default: parameterName
        }
    }
}

extension Set<ImageForm> {
    /// How an image may travel: `as URL or data URI`.
    fileprivate var text: String? {
        let words = [(ImageForm.url, "URL"), (.dataURI, "data URI"), (.base64, "base64"), (.file, "file")]
            .filter { contains($0.0) }.map(\.1)
        return words.isEmpty ? nil : "as \(words.joined(separator: " or "))"
    }
}

extension ImageBounds {
    fileprivate var texts: [String] {
        var texts: [String] = []
        if let bytes { texts.append("at most \(bytes.formattedBytes)") }
        if let side { texts.append("sides \(side.lowerBound)..\(side.upperBound)") }
        if let pixels { texts.append("\(pixels.formatted) pixels") }
        if !mediaTypes.isEmpty {
            texts.append(mediaTypes.map { String($0.dropFirst("image/".count)) }.sorted().joined(separator: " "))
        }
        return texts
    }
}

extension SizeRule {
    /// The rule as people write it; `nil` when there is none.
    fileprivate var text: String? {
        var texts: [String] = []
        if !list.isEmpty { texts.append(list.map { "\($0.width)x\($0.height)" }.joined(separator: " ")) }
        if let side { texts.append("sides \(side.lowerBound)..\(side.upperBound)") }
        if step > 1 { texts.append("multiples of \(step)") }
        if let area { texts.append("\(area.lowerBound.formatted)..\(area.upperBound.formatted) pixels") }
        if !aspects.isEmpty { texts.append(aspects.map { "\($0.width):\($0.height)" }.joined(separator: " ")) }
        if !levels.isEmpty { texts.append(levels.joined(separator: " ")) }
        return texts.isEmpty ? nil : texts.joined(separator: ", ")
    }
}

extension Int {
    /// In the largest unit that leaves no fraction: `10 MB`.
    fileprivate var formattedBytes: String {
        if isMultiple(of: 1_000_000) { return "\(self / 1_000_000) MB" }
        return isMultiple(of: 1000) ? "\((self / 1000).formatted) KB" : "\(formatted) bytes"
    }

    /// In groups, which long numbers are easier to read in, with spaces that no line breaks at: `3 686 400`.
    fileprivate var formatted: String {
        var digits = String(self)[...]
        var groups: [Substring] = []
        while digits.count > 3 {
            groups.insert(digits.suffix(3), at: 0)
            digits = digits.dropLast(3)
        }
        return ([digits] + groups).joined(separator: "\u{A0}")
    }
}
