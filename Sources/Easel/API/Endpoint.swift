import HTTP

/// What a path leads to.
enum Endpoint: Sendable, Hashable {
    /// `model` is named by the path in Azure's form, `/openai/deployments/{model}/…`.
    case generations(model: String?)
    case edits(model: String?)
    case variations(model: String?)
    case models
    case model(String)
    case job(String)
    case file(token: String, fileExtension: String)
    /// An input image that a provider downloads while it works on it.
    case input(token: String, fileExtension: String)
    case health
    case readiness
    case metrics
    case root

    /// The methods it answers, `HEAD` with `GET` and `OPTIONS` everywhere aside.
    var methods: [Method] {
        switch self {
        case .generations, .edits, .variations: [.post]
        case .model, .job: [.get, .delete]
        case .models, .file, .input, .health, .readiness, .metrics, .root: [.get]
        }
    }
}

extension Endpoint {
    /// What a request for images says by its path alone.
    struct Creation: Sendable {
        var operation: ImageOrder.Operation
        var model: String?
        /// What stands for values that the client left out.
        var standIns: [RequestValues.Entry] = []
    }

    /// `nil` where a request makes no images.
    var creation: Creation? {
        switch self {
        case .generations(let model): Creation(operation: .generate, model: model)
        case .edits(let model): Creation(operation: .edit, model: model)
        case .variations(let model): Creation(operation: .edit, model: model, standIns: Variation.standIns)
        case .models, .model, .job, .file, .input, .health, .readiness, .metrics, .root: nil
        }
    }
}

extension Endpoint {
    /// Finds the endpoint of a path as clients really write it.
    ///
    /// With and without `/v1` (or twice, a common slip), with a trailing slash, below `/openai` as Azure's clients do.
    /// Percent-encoding is decoded per segment, so a model's id may hold a slash either way.
    init?(path: Substring) {
        // Nearly every request that makes images, and the only path that need not be taken apart.
        if path == "/v1/images/generations" {
            self = .generations(model: nil)
            return
        }
        var segments: [String] = []
        for segment in path.utf8.split(separator: UInt8(ascii: "/")) {
            guard let decoded = Percent.decode(Substring(segment)) else { return nil }
            segments.append(decoded)
        }
        switch (segments.first, segments.count) {
        case (nil, _): self = .root
        case ("healthz", 1), ("health", 1): self = .health
        case ("readyz", 1): self = .readiness
        case ("metrics", 1): self = .metrics
        case ("files", _): self.init(fileSegments: segments.dropFirst())
        default: self.init(apiSegments: segments[...])
        }
    }

    private init?(fileSegments segments: ArraySlice<String>) {
        let isInput = segments.first == "inputs" && segments.count == 2
        guard segments.count == 1 || isInput, let name = segments.last, let dot = name.lastIndex(of: ".") else {
            return nil
        }
        let (token, fileExtension) = (String(name[..<dot]), String(name[name.index(after: dot)...]))
        self =
            isInput
            ? .input(token: token, fileExtension: fileExtension) : .file(token: token, fileExtension: fileExtension)
    }

    private init?(apiSegments segments: ArraySlice<String>) {
        var segments = segments
        if segments.first == "openai" { segments.removeFirst() }
        while segments.first == "v1" { segments.removeFirst() }
        var model: String?
        if segments.count > 2, segments.first == "deployments" {
            model = segments.dropFirst().first
            segments = segments.dropFirst(2)
        }
        let rest = segments.dropFirst()
        switch (segments.first, rest.first, segments.count) {
        case ("images", "generations", 2), ("v1images", "generations", 2): self = .generations(model: model)
        case ("images", "edits", 2), ("v1images", "edits", 2): self = .edits(model: model)
        case ("images", "variations", 2), ("v1images", "variations", 2): self = .variations(model: model)
        case ("images", "jobs", 3): self = .job(rest[rest.startIndex + 1])
        case ("models", nil, _): self = .models
        case ("models", _, _): self = .model(rest.joined(separator: "/"))
        default: return nil
        }
    }
}
