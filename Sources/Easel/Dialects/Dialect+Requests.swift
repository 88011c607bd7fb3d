import HTTP
import JSON

// From a job to the requests about it; those for an order are a ``Planner``'s.
extension Dialect {
    /// The request that asks how a job is doing.
    func statusRequest(for task: UpstreamTask, at endpoint: ProviderEndpoint) -> UpstreamRequest? {
        queue.map { request($0.status, task.statusURL, task, endpoint) }
    }

    /// The request that fetches what a finished job made; `nil` when the status answer has it.
    func resultRequest(for task: UpstreamTask, at endpoint: ProviderEndpoint) -> UpstreamRequest? {
        queue?.result.map { request($0, task.resultURL, task, endpoint) }
    }

    /// The request that cancels a job; `nil` when the provider cannot.
    func cancelRequest(for task: UpstreamTask, at endpoint: ProviderEndpoint) -> UpstreamRequest? {
        queue?.cancel.map { request($0, task.cancelURL, task, endpoint) }
    }

    /// An address from an answer in absolute form, for downloads without a key: relative ones are the provider's own.
    func absolute(_ url: String, at endpoint: ProviderEndpoint) -> String {
        let isAbsolute = url.hasPrefix("http://") || url.hasPrefix("https://")
        return isAbsolute ? url : hosts.resolve(url, against: endpoint.baseURL) ?? url
    }

    /// Header fields of a request: the dialect's, the request's own, and the owner's in place of either.
    func fields(_ own: [RequestTemplate.TextField], at endpoint: ProviderEndpoint) -> Fields {
        var fields: Fields = ["Accept": "application/json"]
        let values = EndpointValues(endpoint: endpoint)
        for field in headers + own {
            fields[field.name] = field.value.render(values)
        }
        for (name, value) in endpoint.headers.sorted(by: { $0.key < $1.key }) { fields[name] = value }
        return fields
    }

    private func request(
        _ route: Queue.Route, _ issued: String?, _ task: UpstreamTask, _ endpoint: ProviderEndpoint
    ) -> UpstreamRequest {
        let values = TaskValues(task: task, endpoint: endpoint)
        let path = route.path.render(values, escape: PercentEncoding.path) ?? ""
        let url = issued.flatMap { hosts.resolve($0, against: endpoint.baseURL) } ?? endpoint.baseURL + path
        return UpstreamRequest(method: route.method, url: url, fields: fields(route.headers, at: endpoint))
    }
}

/// What placeholders stand for in header fields.
private struct EndpointValues: TemplateValues {
    let endpoint: ProviderEndpoint
    let imageCount = 0

    subscript(placeholder: Placeholder, image index: Int?) -> Rendering? {
        switch placeholder {
        case .apiKey: endpoint.apiKey.isEmpty ? nil : .value(.string(endpoint.apiKey.reveal()))
        case .model: .value(.string(endpoint.model))
        case .modelApplication: .value(.string(endpoint.modelApplication))
        default: nil
        }
    }
}

/// What placeholders stand for in requests about a job.
private struct TaskValues: TemplateValues {
    let task: UpstreamTask
    let endpoint: ProviderEndpoint
    let imageCount = 0

    subscript(placeholder: Placeholder, image index: Int?) -> Rendering? {
        switch placeholder {
        case .task: .value(.string(task.id))
        default: EndpointValues(endpoint: endpoint)[placeholder, image: index]
        }
    }
}

extension ProviderEndpoint {
    /// The first two segments of the model's name: `fal-ai/flux` of `fal-ai/flux/dev`.
    var modelApplication: String { model.split(separator: "/").prefix(2).joined(separator: "/") }
}
