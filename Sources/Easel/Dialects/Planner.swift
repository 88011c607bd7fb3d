import HTTP
import JSON

/// Turns orders into requests to one provider's model.
///
/// There is one for each route of the configuration, made when that is read: what no order has a part in is worked out
/// then, and only what an order says is left for ``Planning``.
final class Planner: Sendable {
    let dialect: Dialect
    let endpoint: ProviderEndpoint
    let variant: Dialect.Variant
    private let forms: [Form]
    private let intakes: (generate: ImageIntake, edit: ImageIntake)

    init(_ dialect: Dialect, at endpoint: ProviderEndpoint) {
        self.dialect = dialect
        self.endpoint = endpoint
        let variant = dialect.variant(for: endpoint.model)
        self.variant = variant
        forms = ImageOrder.Operation.allCases.filter(variant.operations.contains).flatMap { operation in
            let streams = [nil] + (variant.stream.map { [$0] } ?? [])
            return streams.compactMap { Form(operation, of: dialect, at: endpoint, variant, following: $0) }
        }
        intakes = (
            dialect.intake(for: .generate, model: endpoint.model), dialect.intake(for: .edit, model: endpoint.model)
        )
    }

    /// How input images must be prepared before ``plan(for:strict:identifier:)``.
    func intake(for operation: ImageOrder.Operation) -> ImageIntake {
        switch operation {
        case .generate: intakes.generate
        case .edit: intakes.edit
        }
    }

    /// The requests that make an order's images, and what becomes of its parameters.
    ///
    /// - Parameters:
    ///   - order: Its images in forms that ``intake(for:)`` lists.
    ///   - strict: Whether to refuse what would otherwise be clamped or dropped.
    ///   - identifier: Unique to the call and safe in a header: multipart boundaries and seeds of our own come from it.
    /// - Returns: The requests, complete.
    /// - Throws: ``OrderRefusal`` when the provider cannot do what the order is about; nothing was sent then.
    func plan(for order: ImageOrder, strict: Bool, identifier: String) throws(OrderRefusal) -> Plan {
        let isStreamed = variant.stream?.isWanted(for: order) ?? false
        let form = forms.first { $0.operation == order.operation && ($0.stream != nil) == isStreamed }
        guard let form else {
            throw OrderRefusal(
                reason: .operation, parameter: order.operation == .edit ? "image" : nil,
                message: order.operation == .edit
                    ? "\(dialect.title) takes no input images with the model '\(endpoint.model)'."
                    : "\(dialect.title) only edits with the model '\(endpoint.model)': send an image.")
        }
        return try Planning(order, on: form, by: self, identifier: identifier).plan(strict: strict)
    }
}

extension Planner {
    /// How the model is asked for one operation, and what of an order there is a place for.
    struct Form: Sendable {
        let operation: ImageOrder.Operation
        /// What the answer's events mean, when it asks for a stream of them.
        let stream: StreamRules?
        let request: RequestTemplate
        /// The header fields, which are the same for every order.
        let fields: Fields
        /// Where the provider gets each parameter, by canonical names; what is not here it cannot take.
        let natives: [String: Native]
        let placeholders: Set<Placeholder>

        /// A parameter's place in a request.
        struct Native: Sendable, Hashable {
            /// The path of keys that leads there.
            var path: String
            /// Whether its last key is another name than the canonical one.
            var isRenamed: Bool

            /// For a person.
            var renaming: String? { isRenamed ? "sent as \(path)" : nil }
        }

        /// `nil` when the dialect has no such request.
        fileprivate init?(
            _ operation: ImageOrder.Operation, of dialect: Dialect, at endpoint: ProviderEndpoint,
            _ variant: Dialect.Variant, following stream: StreamRules?
        ) {
            guard let request = variant.requests[operation] else { return nil }
            self.operation = operation
            self.stream = stream
            self.request = stream.map { request.adding($0.request) } ?? request
            fields = dialect.fields(request.headers, at: endpoint)
            var natives: [String: Native] = [:]
            var placeholders: Set<Placeholder> = []
            self.request.forEachPlaceholder { placeholder, path in
                placeholders.insert(placeholder)
                guard let name = placeholder.parameterName, natives[name] == nil else { return }
                natives[name] = Native(path: path, isRenamed: path.split(separator: ".").last != name[...])
            }
            self.natives = natives
            self.placeholders = placeholders
        }
    }
}
