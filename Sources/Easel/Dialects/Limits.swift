import JSON

/// A provider's bounds for one model, by canonical names.
struct Limits: Sendable, Hashable {
    /// Images of one request.
    var count = NumberRange(lower: 1, upper: nil)
    /// Input images.
    var images = 0...Placeholder.maximumImages
    var image = ImageBounds()
    var mask = MaskPolarity.transparent
    /// Characters of a prompt.
    var prompt: Int?
    var size = SizeRule()
    /// What the provider does without a size, for people.
    var sizeDefault: String?
    var countDefault: String?
    var parameters: [Parameter: Bound] = [:]
}

/// What an input image must be like for a provider.
struct ImageBounds: Sendable, Hashable {
    /// Bytes of the file.
    var bytes: Int?
    /// Pixels of either side.
    var side: ClosedRange<Int>?
    /// Width times height.
    var pixels: Int?
    /// Media types; empty when the provider's page names none.
    var mediaTypes: Set<String> = []
}

/// Which part of a mask marks what may change.
enum MaskPolarity: String, Sendable, Hashable, CaseIterable {
    /// OpenAI's, and the order's own.
    case transparent
    case white
    case black
}
