/// Where a dialect's requests go and with which key: the owner's configuration of one provider and one route.
struct ProviderEndpoint: Sendable {
    /// The configured address, or the dialect's own; with `/v1` where the provider's page has one.
    var baseURL: String
    var apiKey: Secret
    /// The provider's name for the model.
    var model: String
    /// Paths of operations (`generate`, `edit`) by the owner: where the dialect leaves them open, or in place of its own.
    var paths: [String: String] = [:]
    /// Header fields that replace the dialect's of the same name, such as another scheme of authorization.
    var headers: [String: String] = [:]
}
