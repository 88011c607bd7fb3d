import Imaging
import JSON
import LibEvent

/// A provider, as far as input images are concerned.
struct ImageRecipient: Sendable {
    /// The configured name.
    var name: String
    var baseURL: String
    var intake: ImageIntake
}

/// An order whose images are as one provider takes them, and what was changed to make them so.
struct PreparedOrder: Sendable {
    var order: ImageOrder
    var report: [ParameterReport] = []
}

/// Brings the input images of one job into the form that each of its providers takes.
///
/// It lives as long as the job: every download and every conversion is made once, however many providers need it, and
/// ``end()`` withdraws what was published. The files go with it.
@EventLoop
final class InputPreparation {
    private let inputs: Inputs
    private let submission: Submission
    private var downloads: [String: (image: ImageFile, file: SpooledFile)] = [:]
    private var products: [InputConverter.Work: InputConverter.Product] = [:]
    /// By the paths of the files.
    private var publications: [String: PublishedInputs.Publication] = [:]

    init(for submission: Submission, _ inputs: Inputs) {
        self.inputs = inputs
        self.submission = submission
    }

    private var order: ImageOrder { submission.order }
    /// The client's names for the images, in their order.
    private var names: [String] { submission.imageNames }
    /// A 400 instead of a smaller image.
    private var isStrict: Bool { submission.isStrict }

    /// The order as a provider can take it.
    ///
    /// - Throws: A 400 that names the image, the provider and what to do, when there is no way to bring them together.
    func order(for recipient: ImageRecipient) async throws(GatewayError) -> PreparedOrder {
        var prepared = PreparedOrder(order: order)
        // Orders that the plan is going to refuse are not worth the work.
        guard !recipient.intake.forms.isEmpty, recipient.intake.count.contains(order.images.count) else {
            return prepared
        }
        try checkMask()
        var images: [PreparedImage] = []
        for (index, image) in order.images.enumerated() {
            images.append(try await prepare(image, names.indices.contains(index) ? names[index] : "image", recipient))
        }
        prepared.order.images = images.map(\.input)
        if let report = ParameterReport(images.map(\.change), for: recipient.name) { prepared.report.append(report) }
        if let mask = order.mask, !recipient.intake.maskForms.isEmpty {
            let (input, report) = try await prepare(mask: mask, for: images.first, recipient)
            prepared.order.mask = input
            if let report { prepared.report.append(report) }
        }
        return prepared
    }

    /// Withdraws what was published and lets go of the files; the job is over.
    func end() {
        for publication in publications.values { inputs.published.withdraw(publication) }
        publications = [:]
        products = [:]
        downloads = [:]
    }

    // MARK: Images

    private struct PreparedImage {
        var input: ImageInput
        /// As it came; `nil` for one that stays an address.
        var original: ImageFile?
        var conversion: ConvertedImage?
        var change: ImageChange?
    }

    private func prepare(
        _ input: ImageInput, _ name: String, _ recipient: ImageRecipient
    ) async throws(GatewayError) -> PreparedImage {
        // What an address leads to is the provider's to judge, as is usual with providers that take addresses.
        if case .url = input, recipient.intake.takes(input) { return PreparedImage(input: input) }
        let original = try await localize(input, name)
        switch ImageNeed(original, for: recipient.intake.bounds) {
        case .nothing:
            let input = try handOver(original, recipient.intake.forms, name, recipient)
            return PreparedImage(input: input, original: original)
        case .unwritableFormats:
            throw .invalid(
                name,
                "The provider '\(recipient.name)' does not take \(original.mediaType), nor anything this can become.")
        case .conversion(let conversion):
            let bounds = recipient.intake.bounds
            try refuse(bounds.exceeded(by: original), name, recipient)
            let product = try await run(.init(path: original.path, step: .image(conversion)), name, recipient)
            let change = ImageChange(of: original, product.conversion, within: bounds)
            try refuse(change?.bounds ?? [], name, recipient)
            return PreparedImage(
                input: try handOver(product.image, recipient.intake.forms, name, recipient), original: original,
                conversion: product.conversion, change: change)
        }
    }

    /// Strict: the client wants no smaller image instead of its own.
    private func refuse(_ bounds: [String], _ name: String, _ recipient: ImageRecipient) throws(GatewayError) {
        guard isStrict, !bounds.isEmpty else { return }
        throw .invalid(
            name,
            """
            The image in '\(name)' is too large for the provider '\(recipient.name)', which takes \
            \(bounds.joined(separator: ", ")), and it is not scaled down in strict mode. Send a smaller one.
            """, code: "unsupported_parameter")
    }

    // MARK: The mask

    private func checkMask() throws(GatewayError) {
        guard let mask = order.mask?.file, let image = order.images.first?.file,
            let mismatch = MaskNeed.mismatch(mask, image)
        else { return }
        throw .invalid("mask", mismatch)
    }

    private func prepare(
        mask: ImageInput, for image: PreparedImage?, _ recipient: ImageRecipient
    ) async throws(GatewayError) -> (ImageInput, ParameterReport?) {
        let intake = recipient.intake
        let isImageResized = image?.conversion.map { $0.size != $0.originalSize } ?? false
        // An address will do only where the mask behind it need not be changed.
        if case .url = mask, intake.takesMask(mask), intake.maskPolarity == .transparent, !isImageResized {
            return (mask, nil)
        }
        let original = try await localize(mask, "mask")
        if let image = image?.original, let mismatch = MaskNeed.mismatch(original, image) {
            throw .invalid("mask", mismatch)
        }
        guard let need = MaskNeed(original, for: intake, after: image?.conversion) else {
            return (try handOver(original, intake.maskForms, "mask", recipient), nil)
        }
        let product = try await run(.init(path: original.path, step: .mask(need)), "mask", recipient)
        let input = try handOver(product.image, intake.maskForms, "mask", recipient)
        return (input, ParameterReport(mask: need, original, product.conversion, for: recipient.name))
    }

    // MARK: The steps

    /// The image as a file.
    private func localize(_ input: ImageInput, _ name: String) async throws(GatewayError) -> ImageFile {
        switch input {
        case .file(let file): return file
        case .url(let url):
            if let download = downloads[url] { return download.image }
            let download = try await inputs.download(url, name)
            downloads[url] = download
            return download.image
        }
    }

    private func run(
        _ work: InputConverter.Work, _ name: String, _ recipient: ImageRecipient
    ) async throws(GatewayError) -> InputConverter.Product {
        if let product = products[work] { return product }
        do throws(ImagingError) {
            let product = try await inputs.converter.run(work)
            products[work] = product
            return product
        } catch {
            guard error.kind != .system else {
                throw .internalFailure("The image in '\(name)' could not be converted: \(error).")
            }
            throw .invalidImage(
                name,
                "The image in '\(name)' cannot be made to fit the provider '\(recipient.name)': \(error).")
        }
    }

    /// In a form that the provider takes: the file itself, or else an address to download it from.
    private func handOver(
        _ image: ImageFile, _ forms: Set<ImageForm>, _ name: String, _ recipient: ImageRecipient
    ) throws(GatewayError) -> ImageInput {
        guard forms == [.url] else { return .file(image) }
        if let obstacle = inputs.published.obstacle(for: recipient) {
            throw .invalid(name, obstacle, code: "public_url_unreachable")
        }
        let publication = publications[image.path] ?? inputs.published.publish(image)
        publications[image.path] = publication
        return .url(publication.url)
    }
}
