import LibEvent

/// The routes that can fulfil an order, each with its plan, in order of preference.
struct Candidates: Sendable {
    let all: [Candidate]
    /// Input images that were downloaded for them; the plans point into these files.
    let files: [SpooledFile]

    /// Plans the order for every route of its model.
    ///
    /// - Throws: What the first route says against the order, when none can take it.
    @EventLoop
    init(for job: Job, _ configuration: Configuration, _ inputs: Inputs) async throws(GatewayError) {
        let submission = job.submission
        guard let model = configuration.model(named: submission.order.model) else {
            throw .unknownModel(submission.order.model, suggestion: nil)
        }
        var order = submission.order
        var candidates: [Candidate] = []
        var files: [SpooledFile] = []
        var refusal: OrderRefusal?
        for route in model.routes {
            guard let provider = configuration.providers[route.provider] else { continue }
            let intake = provider.dialect.intake(for: order.operation, model: route.model)
            let local = try await inputs.localize(order, for: intake, names: submission.imageNames)
            order = local.order
            files += local.files
            do throws(OrderRefusal) {
                candidates.append(try Candidate(order, route, provider, job.id, isStrict: submission.isStrict))
            } catch {
                refusal = refusal ?? error
            }
        }
        guard !candidates.isEmpty else { throw GatewayError(refusal, model: model.name) }
        all = candidates
        self.files = files
    }
}

/// One route with what would be sent along it.
struct Candidate: Sendable {
    let route: Configuration.Route
    let dialect: Dialect
    let endpoint: ProviderEndpoint
    let plan: Plan

    init(
        _ order: ImageOrder, _ route: Configuration.Route, _ provider: Configuration.Provider, _ jobID: String,
        isStrict: Bool
    ) throws(OrderRefusal) {
        self.route = route
        dialect = provider.dialect
        endpoint = ProviderEndpoint(
            baseURL: provider.baseURL ?? provider.dialect.defaultBaseURL ?? "", apiKey: provider.apiKey,
            model: route.model, paths: provider.paths)
        plan = try provider.dialect.plan(for: order, at: endpoint, strict: isStrict, identifier: jobID)
    }
}
