import JSON

/// What a route's images cost: a price for any image, a table by size and quality, and a price per input image.
///
/// What is not known is `nil`, never free.
struct Price: Sendable, Hashable {
    /// Of an image that no line of the table fits.
    var image: Money?
    /// Of each input image that is sent along with a request.
    var input: Money?
    var table: [Line] = []

    /// A line of the table: the images it is for, and what one of them costs.
    struct Line: Sendable, Hashable {
        /// Pixels; `nil` is any size.
        var size: Dimensions?
        /// `nil` is any quality.
        var quality: String?
        var image: Money
    }

    /// A picture's width and height in pixels.
    struct Dimensions: Sendable, Hashable {
        var width: Int
        var height: Int
    }
}

extension Price {
    /// A price that is the same for every image.
    init(image: Money) { self.image = image }

    /// Whether every image costs the same, whatever was asked for and sent along.
    var isFlat: Bool { table.isEmpty && input == nil }

    /// What a client has asked for, as far as a price depends on it.
    struct Question: Sendable, Hashable {
        var size = Size.auto
        /// `nil` when the provider may choose.
        var quality: String?
        var count = 1
        var inputImages = 0
    }

    /// What was delivered costs: every image by its own size, and the input images of every request.
    ///
    /// An image whose size nobody has seen is taken to be the dearest that was asked for.
    func cost(of images: [Dimensions?], to question: Question, requests: Int) -> Money? {
        let (inputs, overflow) = question.inputImages.multipliedReportingOverflow(by: requests)
        guard !overflow else { return nil }
        var total = inputCost(inputs)
        for size in images {
            total = total + (size.map { price(of: $0, question.quality) } ?? dearest(question.size, question.quality))
        }
        return total
    }

    /// The most that the answer to a question can cost, each request being sent for one image with all input images.
    ///
    /// Where the provider may choose size or quality, it is taken to choose the dearest.
    func most(for question: Question) -> Money? {
        let (inputs, overflow) = question.inputImages.multipliedReportingOverflow(by: question.count)
        guard !overflow else { return nil }
        return dearest(question.size, question.quality)?.times(question.count) + inputCost(inputs)
    }

    /// The line that says most about an image decides; of two that say as much, the first.
    ///
    /// `nil` is a size or quality that no line names.
    private func price(of size: Dimensions?, _ quality: String?) -> Money? {
        var best: (weight: Int, price: Money)?
        for line in table where (line.size ?? size) == size && (line.quality ?? quality) == quality {
            let weight = (line.size == nil ? 0 : 2) + (line.quality == nil ? 0 : 1)
            if weight > best?.weight ?? -1 { best = (weight, line.image) }
        }
        return best?.price ?? image
    }

    /// The dearest image among those that may come of what was asked for; `nil` when the price of one is unknown.
    private func dearest(_ size: Size, _ quality: String?) -> Money? {
        guard !table.isEmpty else { return image }
        let sizes =
            if case .pixels(let width, let height) = size {
                [Dimensions(width: width, height: height)] as [Dimensions?]
            } else {
                [nil] + table.compactMap(\.size)
            }
        let qualities = quality.map { [$0] } ?? [nil] + table.compactMap(\.quality)
        var dearest = Money(microunits: 0)
        for size in sizes {
            for quality in qualities {
                guard let price = price(of: size, quality) else { return nil }
                dearest = max(dearest, price)
            }
        }
        return dearest
    }

    private func inputCost(_ count: Int) -> Money? {
        count == 0 || input == nil ? Money(microunits: 0) : input?.times(count)
    }
}

extension Price.Question {
    init(_ order: ImageOrder) {
        self.init(
            size: order.size, quality: Self.quality(order.parameters[.quality]), count: order.count,
            inputImages: order.images.count)
    }

    /// What the ledger knows of it after a restart.
    init(_ job: JobRecord) {
        let parameters = try? JSONValue(parsing: Array(job.parameters.utf8))
        self.init(
            size: parameters?["size"]?.string.flatMap { Size($0) } ?? .auto,
            quality: Self.quality(parameters?["quality"]), count: job.wantedImages, inputImages: job.inputImages)
    }

    private static func quality(_ value: JSONValue?) -> String? { value?.string.flatMap { $0 == "auto" ? nil : $0 } }
}

extension Price.Line {
    /// Reads what a line is for: `1024x1024`, `high`, or both in either order.
    init?(_ text: String, image: Money) {
        self.image = image
        let words = text.split(separator: " ")
        guard (1...2).contains(words.count) else { return nil }
        for word in words {
            if case .pixels(let width, let height)? = Size(String(word)), size == nil {
                size = Price.Dimensions(width: width, height: height)
            } else if quality == nil, word.allSatisfy({ $0.isASCII && $0.isLetter }), word != "auto" {
                quality = String(word)
            } else {
                return nil
            }
        }
    }
}

extension Price.Line: CustomStringConvertible {
    /// As it is read: `1024x1024 high`.
    var description: String {
        [size.map { "\($0.width)x\($0.height)" }, quality].compactMap(\.self).joined(separator: " ")
    }
}

extension Money? {
    /// A sum is unknown when a part of it is.
    static func + (left: Money?, right: Money?) -> Money? {
        guard let left, let right else { return nil }
        let (sum, overflow) = left.microunits.addingReportingOverflow(right.microunits)
        return overflow ? nil : Money(microunits: sum)
    }
}
