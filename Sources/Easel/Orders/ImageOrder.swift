import JSON

/// What a client asked for, in Easel's own terms: whatever the client's spelling was, whoever will make it.
///
/// Values are checked for type and for bounds that hold everywhere; what one provider takes is its dialect's business.
struct ImageOrder: Sendable, Hashable {
    enum Operation: String, Sendable, Hashable, CaseIterable {
        case generate, edit
    }

    /// `edit` when there are input images, whichever path the request came by.
    var operation: Operation
    /// The model's public name, an alias already resolved.
    var model: String
    var prompt: String
    /// The input images in the client's order.
    var images: [ImageInput] = []
    /// Where the first image may change: transparent pixels.
    var mask: ImageInput?
    /// How many images are wanted.
    var count = 1
    var size = Size.auto
    /// Whether the client follows the making instead of waiting for the end.
    var isStreamed = false
    /// Every other parameter the client gave, under its canonical name; one it did not give, or gave as `null`, is not here.
    var parameters: [Parameter: JSONValue] = [:]
}

/// A parameter of an order beside prompt, model, images, mask, `n` and `size`, by its canonical name.
enum Parameter: String, Sendable, Hashable, CaseIterable {
    case negativePrompt = "negative_prompt"
    /// A whole number; absent means random.
    case seed
    case steps
    /// Distilled or classic guidance. Not the same as ``cfg``.
    case guidanceScale = "guidance_scale"
    /// "True" classifier-free guidance.
    case cfg
    /// 0 keeps the input image, 1 ignores it.
    case strength
    case promptExtend = "prompt_extend"
    case watermark
    case quality, style, background, moderation
    case inputFidelity = "input_fidelity"
    case outputFormat = "output_format"
    case outputCompression = "output_compression"
    /// How many unfinished images a client that streams wants to see, from 1 to 3; they may cost extra.
    case partialImages = "partial_images"
    case user
}

/// The size a client wants.
enum Size: Sendable, Hashable {
    /// The provider may choose.
    case auto
    case pixels(width: Int, height: Int)
    case aspect(width: Int, height: Int)
    /// `1K`, `2K` or `4K`.
    case level(String)
}

/// An input image as it came: bytes that are on disk by now, or an address.
enum ImageInput: Sendable, Hashable {
    case file(ImageFile)
    /// Verbatim: signatures break when a URL is decoded and encoded again.
    case url(String)

    var file: ImageFile? { if case .file(let file) = self { file } else { nil } }
}

/// An image on disk whose type and size were read from its own bytes.
struct ImageFile: Sendable, Hashable {
    var path: String
    /// Bytes.
    var length: Int
    /// From the magic bytes, such as `image/png`.
    var mediaType: String
    /// Pixels.
    var width: Int
    var height: Int
}
