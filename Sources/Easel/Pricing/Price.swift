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

    /// What was delivered costs: every image by its own size, and the input images of every request.
    func cost(of images: [Dimensions], quality: String?, inputImages: Int) -> Money? {
        var total = inputCost(inputImages)
        for size in images { total = total + price(of: size, quality) }
        return total
    }

    /// The most an order can cost, each of its requests being sent with all its input images.
    ///
    /// Where the provider may choose size or quality, it is taken to choose the dearest.
    func most(for order: ImageOrder) -> Money? {
        let quality = order.parameters[.quality]?.string.flatMap { $0 == "auto" ? nil : $0 }
        let (inputs, overflow) = order.images.count.multipliedReportingOverflow(by: order.count)
        guard !overflow else { return nil }
        return dearest(order.size, quality)?.times(order.count) + inputCost(inputs)
    }

    /// The line that says most about an image decides; of two that say as much, the first.
    private func price(of size: Dimensions, _ quality: String?) -> Money? {
        var best: (weight: Int, price: Money)?
        for line in table where line.size ?? size == size && line.quality ?? quality == quality {
            let weight = (line.size == nil ? 0 : 2) + (line.quality == nil ? 0 : 1)
            if weight > best?.weight ?? -1 { best = (weight, line.image) }
        }
        return best?.price ?? image
    }

    private func dearest(_ size: Size, _ quality: String?) -> Money? {
        if case .pixels(let width, let height) = size, let quality {
            return price(of: Dimensions(width: width, height: height), quality)
        }
        let possible = table.filter { line in
            if let lineQuality = line.quality, let quality, lineQuality != quality { return false }
            guard case .pixels(let width, let height) = size, let lineSize = line.size else { return true }
            return lineSize == Dimensions(width: width, height: height)
        }
        let isCovered = possible.contains { $0.size == nil && $0.quality == nil }
        guard let image = isCovered ? possible.first?.image : image else { return nil }
        return possible.map(\.image).max().map { max($0, image) } ?? image
    }

    private func inputCost(_ count: Int) -> Money? {
        count == 0 || input == nil ? Money(microunits: 0) : input?.times(count)
    }
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

extension Money? {
    /// A sum is unknown when a part of it is.
    static func + (left: Money?, right: Money?) -> Money? {
        guard let left, let right else { return nil }
        let (sum, overflow) = left.microunits.addingReportingOverflow(right.microunits)
        return overflow ? nil : Money(microunits: sum)
    }
}
