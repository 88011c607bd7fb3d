import JSON

/// What a dialect does with every parameter, as a person would look for it on the provider's page.
struct ParameterTable: Sendable, Hashable {
    struct Row: Sendable, Hashable {
        /// The canonical name.
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
}

extension Dialect {
    /// A table for each operation of each kind of model that the dialect tells apart.
    var parameterTables: [ParameterTable] {
        variants.flatMap { variant in
            ImageOrder.Operation.allCases.filter(variant.operations.contains).compactMap { operation in
                variant.requests[operation].map { request in
                    ParameterTable(
                        models: variant.models.text, operation: operation, rows: rows(request, variant, operation))
                }
            }
        }
    }

    private func rows(
        _ request: RequestTemplate, _ variant: Variant, _ operation: ImageOrder.Operation
    ) -> [ParameterTable.Row] {
        var natives: [String: [String]] = [:]
        request.forEachPlaceholder { placeholder, native in
            guard let name = placeholder.parameterName, !natives[name, default: []].contains(native) else { return }
            natives[name, default: []].append(native)
        }
        let order = ["prompt", "images", "mask", "n", "size"] + Parameter.allCases.map(\.rawValue)
        return order.filter { $0 != "images" && $0 != "mask" || operation == .edit }.compactMap { name in
            if let native = natives[name] {
                return ParameterTable.Row(
                    parameter: name, native: native.joined(separator: ", "), bounds: bounds(name, variant) ?? "",
                    notes: notes(name, variant) ?? "")
            }
            guard name == "n" else { return nil }
            return ParameterTable.Row(parameter: "n", native: "", bounds: "", notes: "one request per image")
        }
    }

    private func bounds(_ name: String, _ variant: Variant) -> String? {
        let limits = variant.limits
        switch name {
        case "prompt": return limits.prompt.map { "\($0) characters" }
        case "images":
            let count = limits.images
            let bounds =
                count.lowerBound == count.upperBound
                ? "\(count.upperBound)" : "\(max(count.lowerBound, 1))..\(count.upperBound)"
            return ([bounds] + limits.image.texts).joined(separator: ", ")
        case "n": return limits.count.upper == nil ? nil : limits.count.text
        case "size": return limits.size.text
        default: return Parameter(rawValue: name).flatMap { limits.parameters[$0]?.text }
        }
    }

    private func notes(_ name: String, _ variant: Variant) -> String? {
        let limits = variant.limits
        switch name {
        case "prompt": return "required"
        case "mask": return "\(limits.mask.rawValue) may change"
        case "n": return limits.countDefault.map { "default \($0)" }
        case "size":
            return variant.fillIn.size.map { "\($0.text) unless given" } ?? limits.sizeDefault.map { "default \($0)" }
        default:
            guard let parameter = Parameter(rawValue: name) else { return nil }
            if parameter == .seed, variant.fillIn.randomSeed { return "random unless given" }
            if let value = variant.fillIn.parameters[parameter] { return "\(value.scalarText ?? "") unless given" }
            return limits.parameters[parameter]?.providerDefault.map { "default \($0)" }
        }
    }
}

extension ImageBounds {
    fileprivate var texts: [String] {
        var texts: [String] = []
        if let bytes { texts.append("\(bytes.formatted) bytes") }
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
    /// With a thin grouping, as long numbers are easier to read: `3 686 400`.
    fileprivate var formatted: String {
        var digits = String(self)[...]
        var groups: [Substring] = []
        while digits.count > 3 {
            groups.insert(digits.suffix(3), at: 0)
            digits = digits.dropLast(3)
        }
        return ([digits] + groups).joined(separator: " ")
    }
}
