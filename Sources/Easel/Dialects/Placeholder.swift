import YAML

/// A value of an order that a template can stand for.
enum Placeholder: Sendable, Hashable {
    case model
    /// The first two segments of a model's name: fal's queue routes leave the rest out.
    case modelApplication
    case prompt
    case count
    case size(separator: String)
    case width, height
    case aspect(separator: String)
    case level
    case parameter(Parameter)
    case image(Int, ImageForm)
    /// The image of the current repetition of a list item.
    case eachImage(ImageForm)
    case mask(ImageForm)
    /// The provider's key; in `auth` and `headers` only.
    case apiKey
    /// The id of a job in the provider's queue; in `queue` only.
    case task
    /// A value of the answer to the submission; in `queue` only.
    case answer(AnswerPath)
}

/// How an image travels in a request.
enum ImageForm: String, Sendable, Hashable, CaseIterable {
    /// A file part of a multipart form.
    case file
    case dataURI = "data_uri"
    case base64
    /// An address the provider downloads from.
    case url
    case urlOrDataURI = "url_or_data_uri"
    case urlOrBase64 = "url_or_base64"
    /// Not the image but its type, such as `image/png`.
    case mediaType = "media_type"

    /// The forms it stands for when either of two will do.
    var alternatives: Set<ImageForm> {
        switch self {
        case .urlOrDataURI: [.url, .dataURI]
        case .urlOrBase64: [.url, .base64]
        case .mediaType: []
        case .file, .dataURI, .base64, .url: [self]
        }
    }
}

extension Placeholder {
    /// The order's parameter behind it, by its canonical name; `nil` for what is no parameter.
    var parameterName: String? {
        switch self {
        case .prompt: "prompt"
        case .count: "n"
        case .size, .width, .height, .aspect, .level: "size"
        case .parameter(let parameter): parameter.rawValue
        case .image, .eachImage: "images"
        case .mask: "mask"
        case .model, .modelApplication, .apiKey, .task, .answer: nil
        }
    }

    var imageForm: ImageForm? {
        switch self {
        case .image(_, let form), .eachImage(let form), .mask(let form): form
        default: nil
        }
    }

    /// Reads what stands after the dollar sign, such as `size("*")` or `images[1].data_uri`.
    ///
    /// - Throws: ``SyntaxError`` with a sentence for the dialect's author.
    init(_ text: Substring) throws(SyntaxError) {
        let name = text.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        let rest = text.dropFirst(name.count)
        switch name {
        case "image", "images", "mask":
            self = try Self.image(name, rest, in: text)
        case "answer":
            guard rest.first == ".", rest.count > 1 else {
                throw SyntaxError("'$\(text)' must go on with a path, like $answer.status_url")
            }
            self = .answer(try AnswerPath(String(rest.dropFirst())))
        case "size": self = .size(separator: try Self.separator(rest, in: text) ?? "x")
        case "aspect": self = .aspect(separator: try Self.separator(rest, in: text) ?? ":")
        case "model" where rest == ".app": self = .modelApplication
        default:
            guard let plain = Self.plain[String(name)] ?? Parameter(rawValue: String(name)).map(Placeholder.parameter)
            else { throw Self.unknown(name) }
            guard rest.isEmpty else {
                throw SyntaxError("'\(rest)' cannot follow '$\(name)'; write ${\(name)} inside text")
            }
            self = plain
        }
    }

    private static func image(
        _ name: Substring, _ rest: Substring, in text: Substring
    ) throws(SyntaxError) -> Placeholder {
        var rest = rest
        var index: Int?
        if name == "images", rest.first == "[" {
            guard let close = rest.firstIndex(of: "]"), let number = Int(rest[..<close].dropFirst()),
                (0..<maximumImages).contains(number)
            else {
                throw SyntaxError("'$\(text)' needs an index from 0 to \(maximumImages - 1), like $images[1].data_uri")
            }
            index = number
            rest = rest[rest.index(after: close)...]
        }
        let forms = ImageForm.allCases.map { ".\($0.rawValue)" }
        guard rest.first == ".", let form = ImageForm(rawValue: String(rest.dropFirst())) else {
            let hint = didYouMean(String(rest), among: forms)
            throw SyntaxError("'$\(text)' must say in which form, one of \(forms.joined(separator: ", "))\(hint)")
        }
        switch (name, index) {
        case ("mask", _): return .mask(form)
        case (_, let index?): return .image(index, form)
        case ("image", nil): return .image(0, form)
        default: return .eachImage(form)
        }
    }

    /// Reads `("*")`; `nil` when nothing is there.
    private static func separator(_ rest: Substring, in text: Substring) throws(SyntaxError) -> String? {
        if rest.isEmpty { return nil }
        guard rest.hasPrefix("(\""), rest.hasSuffix("\")"), rest.count > 4 else {
            throw SyntaxError("'$\(text)' cannot be read; a separator is written like $size(\"*\")")
        }
        return String(rest.dropFirst(2).dropLast(2))
    }

    private static func unknown(_ name: Substring) -> SyntaxError {
        let known = names.map { "$\($0)" }
        let hint = didYouMean("$\(name)", among: known, otherwise: "; known are \(known.joined(separator: ", "))")
        return SyntaxError("unknown placeholder '$\(name)'\(hint)")
    }

    /// Most images a template can name one by one.
    static let maximumImages = 16

    private static let plain: [String: Placeholder] = [
        "model": .model, "prompt": .prompt, "n": .count, "width": .width, "height": .height, "level": .level,
        "api_key": .apiKey, "task": .task,
    ]

    private static let names: [String] =
        ["model", "prompt", "n", "size", "width", "height", "aspect", "level", "image", "images", "mask"]
        + Parameter.allCases.map(\.rawValue) + ["api_key", "task", "answer"]
}
