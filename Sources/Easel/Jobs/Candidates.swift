import JSON
import LibEvent

/// The routes that can fulfil an order, in order of preference, each prepared when its turn comes.
///
/// Input images are downloaded and converted for a route only then: most jobs never need their second one.
@EventLoop
final class Candidates {
    /// What the first route that cannot take the order says against it.
    private var firstRefusal: GatewayError?
    private let submission: Submission
    private let jobID: String
    private let inputs: InputPreparation
    private let planners: Planners
    private var routes: ArraySlice<Configuration.Route>

    /// `routes` are the model's, in the order in which they are tried.
    init(
        for submission: Submission, jobID: String, along routes: [Configuration.Route], _ planners: Planners,
        _ inputs: InputPreparation
    ) {
        self.submission = submission
        self.jobID = jobID
        self.inputs = inputs
        self.planners = planners
        self.routes = routes[...]
    }

    /// Why there is none, when ``next()`` found none.
    var refusal: GatewayError { firstRefusal ?? GatewayError(nil, model: submission.order.model) }

    /// The next route that can take the order, with what would be sent along it; `nil` when there is none left.
    func next() async -> Candidate? {
        while let route = routes.popFirst() {
            // A slice keeps the whole array that it is of.
            if routes.isEmpty { routes = [] }
            guard let planner = planners[route] else { continue }
            do throws(GatewayError) {
                guard hasImages else { return try candidate(route, planner, PreparedOrder(order: submission.order)) }
                return try candidate(route, planner, try await inputs.order(for: recipient(route, planner)))
            } catch {
                firstRefusal = firstRefusal ?? error
            }
        }
        return nil
    }

    private var hasImages: Bool { !submission.order.images.isEmpty || submission.order.mask != nil }

    private func candidate(
        _ route: Configuration.Route, _ planner: Planner, _ prepared: PreparedOrder
    ) throws(GatewayError) -> Candidate {
        do throws(OrderRefusal) {
            var plan = try planner.plan(for: prepared.order, strict: submission.isStrict, identifier: jobID)
            plan.report = prepared.report + plan.report + submission.unknownNames.map(ParameterReport.init(unknown:))
            return Candidate(destination: Destination(route: route, planner: planner), plan: plan)
        } catch {
            throw GatewayError(error, model: submission.order.model)
        }
    }

    private func recipient(_ route: Configuration.Route, _ planner: Planner) -> ImageRecipient {
        ImageRecipient(
            name: route.provider, baseURL: planner.endpoint.baseURL,
            intake: planner.intake(for: submission.order.operation))
    }
}

/// One route with what would be sent along it.
final class Candidate: Sendable {
    let destination: Destination
    let plan: Plan

    init(destination: Destination, plan: Plan) {
        self.destination = destination
        self.plan = plan
    }
}

/// The planner of every route of a configuration.
struct Planners: Sendable {
    private struct Key: Sendable, Hashable {
        var provider: String
        var model: String
    }

    private var all: [Key: Planner] = [:]

    init(_ configuration: Configuration) {
        for route in configuration.models.flatMap(\.routes) {
            guard let provider = configuration.providers[route.provider] else { continue }
            let key = Key(provider: route.provider, model: route.model)
            all[key] = all[key] ?? Planner(provider.dialect, at: ProviderEndpoint(provider, model: route.model))
        }
    }

    /// `nil` where the route leads to no provider.
    subscript(route: Configuration.Route) -> Planner? { all[Key(provider: route.provider, model: route.model)] }
}

/// Where a route leads: a provider's model, its address, and the language spoken there.
final class Destination: Sendable {
    let route: Configuration.Route
    private let planner: Planner

    init(route: Configuration.Route, planner: Planner) {
        self.route = route
        self.planner = planner
    }

    var dialect: Dialect { planner.dialect }
    var endpoint: ProviderEndpoint { planner.endpoint }

    /// A payload whose address is complete.
    func absolute(_ payload: ResultImage.Payload) -> ResultImage.Payload {
        guard case .url(let url) = payload else { return payload }
        return .url(dialect.absolute(url, at: endpoint))
    }
}

extension Destination {
    /// Where an attempt of an earlier run went; `nil` when the owner has removed that provider since.
    convenience init?(of attempt: AttemptRecord, _ configuration: Configuration, model: String) {
        guard let provider = configuration.providers[attempt.provider] else { return nil }
        let route = configuration.model(named: model)?.routes.first {
            $0.provider == attempt.provider && $0.model == attempt.model
        }
        self.init(
            route: route ?? Configuration.Route(provider: attempt.provider, model: attempt.model),
            planner: Planner(provider.dialect, at: ProviderEndpoint(provider, model: attempt.model)))
    }
}

extension ParameterReport {
    /// A name that means nothing to Easel.
    fileprivate init(unknown name: String) {
        self.init(parameter: name, outcome: .dropped, asked: .null, note: "there is no such parameter")
    }
}

extension ProviderEndpoint {
    init(_ provider: Configuration.Provider, model: String) {
        self.init(
            baseURL: provider.baseURL ?? provider.dialect.defaultBaseURL ?? "", apiKey: provider.apiKey, model: model,
            paths: provider.paths, headers: provider.headers)
    }
}
