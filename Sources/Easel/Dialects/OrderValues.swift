import JSON

/// What placeholders stand for in a request for an order.
struct OrderValues: TemplateValues {
    private let order: ImageOrder
    private let endpoint: ProviderEndpoint
    /// Images of this request.
    var count: Int
    var size: ResolvedSize?
    /// Within the provider's bounds.
    var parameters: [Parameter: JSONValue] = [:]

    init(_ order: ImageOrder, _ endpoint: ProviderEndpoint, size: ResolvedSize? = nil) {
        self.order = order
        self.endpoint = endpoint
        self.size = size
        count = order.count
    }

    var imageCount: Int { order.images.count }

    subscript(placeholder: Placeholder, image index: Int?) -> Rendering? {
        switch placeholder {
        case .model: .value(.string(endpoint.model))
        case .modelApplication: .value(.string(endpoint.modelApplication))
        case .prompt: .value(.string(order.prompt))
        case .count: .value(.integer(Int64(count)))
        case .size(let separator): sizeText(separator).map { .value(.string($0)) }
        case .width: size?.pixels.map { .value(.integer(Int64($0.width))) }
        case .height: size?.pixels.map { .value(.integer(Int64($0.height))) }
        case .aspect(let separator): aspectText(separator).map { .value(.string($0)) }
        case .level: size?.level.map { .value(.string($0)) }
        case .parameter(let parameter): parameters[parameter].map(Rendering.value)
        case .image(let number, let form): image(number, form)
        case .eachImage(let form): index.flatMap { image($0, form) }
        case .mask(let form): order.mask.flatMap { Self.render($0, form) }
        case .apiKey, .task, .answer: nil
        }
    }

    /// The size as some of a template's placeholders put it; `nil` when none of them can.
    func sizeText(for placeholders: Set<Placeholder>) -> String? {
        for case .size(let separator) in placeholders { return sizeText(separator) }
        if placeholders.contains(.width), let text = pixelsText("x") { return text }
        var parts: [String] = []
        for case .aspect(let separator) in placeholders {
            parts.append(contentsOf: aspectText(separator).map { [$0] } ?? [])
        }
        if placeholders.contains(.level), let level = size?.level { parts.append(level) }
        return parts.isEmpty ? nil : parts.joined(separator: " ")
    }

    private func sizeText(_ separator: String) -> String? {
        pixelsText(separator) ?? size?.level ?? aspectText(":")
    }

    private func pixelsText(_ separator: String) -> String? {
        size?.pixels.map { "\($0.width)\(separator)\($0.height)" }
    }

    private func aspectText(_ separator: String) -> String? {
        size?.aspect.map { "\($0.width)\(separator)\($0.height)" }
    }

    private func image(_ index: Int, _ form: ImageForm) -> Rendering? {
        order.images.indices.contains(index) ? Self.render(order.images[index], form) : nil
    }

    private static func render(_ image: ImageInput, _ form: ImageForm) -> Rendering? {
        switch (image, form) {
        case (.url(let url), .url), (.url(let url), .urlOrDataURI), (.url(let url), .urlOrBase64):
            .value(.string(url))
        case (.file(let file), .file): .file(file)
        case (.file(let file), .dataURI), (.file(let file), .urlOrDataURI):
            // Lower case: Ark refuses data URIs whose type is not.
            .base64(file, prefix: "data:\(file.mediaType.lowercased());base64,")
        case (.file(let file), .base64), (.file(let file), .urlOrBase64): .base64(file, prefix: "")
        case (.file(let file), .mediaType): .value(.string(file.mediaType))
        case (.url, .file), (.url, .dataURI), (.url, .base64), (.url, .mediaType), (.file, .url): nil
        }
    }
}
