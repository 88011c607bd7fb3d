import HTTP

/// What requests are told apart by in `/metrics`: the operations of `openapi.yaml`, those that belong together as one.
enum RequestKind: String, Sendable, Hashable, CaseIterable {
    case generate, edit, vary
    case job, cancel
    case models
    /// Stored images, and the inputs that providers fetch.
    case file
    case health
    /// A path that leads nowhere, a browser's question whether it may ask, or no HTTP at all.
    case other

    init(_ method: Method?, _ path: Substring?) {
        guard let path, method != .options, let endpoint = Endpoint(path: path) else {
            self = .other
            return
        }
        self =
            switch endpoint {
            case .generations: .generate
            case .edits: .edit
            case .variations: .vary
            case .job: method == .delete ? .cancel : .job
            case .models, .model: .models
            case .file, .input: .file
            case .health, .readiness, .metrics, .root: .health
            }
    }

    /// The statuses whose first time must be seen as a rise: they begin at 0.
    var expectedStatuses: [Int] {
        switch self {
        case .generate, .edit, .vary: [200, 202, 400, 401, 403, 404, 409, 413, 429, 500, 502, 503, 504, 507]
        case .job: [200, 202, 404, 500]
        case .cancel: [200, 202, 404, 409, 500]
        case .models: [200, 401]
        case .file: [200, 304, 404, 500]
        case .health: [200, 500]
        case .other: [400, 404]
        }
    }
}
