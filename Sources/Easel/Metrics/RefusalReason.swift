/// Why an order is turned away that has no mistake: the codes that clients are told, as far as an operator can do something
/// about them.
enum RefusalReason: String, Sendable, Hashable, CaseIterable {
    /// The key's budget is used up.
    case budget = "insufficient_quota"
    /// The key has had its requests or images of this minute, or has too many jobs or bytes under way.
    case rate = "rate_limit_exceeded"
    /// All keys together have as many jobs or bytes under way as the gateway takes.
    case overload = "server_is_overloaded"
    /// Every provider of the model is left alone for now.
    case providers = "upstream_unavailable"
    /// The disk is nearly full.
    case disk = "insufficient_storage"
    /// The key may not spend what nobody knows, and no route has a price.
    case price = "price_unknown"
    case stopping = "shutting_down"
}
