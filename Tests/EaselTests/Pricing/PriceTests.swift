import JSON
import Testing

@testable import Easel

struct PriceTests {
    private static func money(_ text: String?) -> Money? { text.flatMap { Money($0) } }

    private static let flat = Price(image: Money(microunits: 25_000))

    /// As OpenAI prices its image models: by quality and size.
    private static let table = Price(
        image: nil, input: Money(microunits: 10_000),
        table: [
            ("1024x1024 low", "0.011"), ("1024x1024 high", "0.167"), ("low 1024x1536", "0.016"), ("high", "0.25"),
            ("512x512", "0.005"),
        ].compactMap { name, price in Money(price).flatMap { Price.Line(name, image: $0) } })

    private static func order(
        _ size: String = "auto", quality: String? = nil, count: Int = 1, inputs: Int = 0
    ) -> ImageOrder {
        var order = ImageOrder(operation: .generate, model: "m", prompt: "p", count: count)
        order.size = Size(size) ?? .auto
        order.images = Array(repeating: .url("https://example.com/a.png"), count: inputs)
        order.parameters[.quality] = quality.map { .string($0) }
        return order
    }

    @Test(
        arguments: [
            ("1024x1024", "low", "0.011"), ("1024x1024", "high", "0.167"), ("1024x1536", "low", "0.016"),
            ("2048x2048", "high", "0.25"), ("512x512", "low", "0.005"), ("512x512", "high", "0.005"),
            ("512x512", nil, "0.005"), ("1024x1024", "medium", nil), ("2048x2048", nil, nil),
        ] as [(String, String?, String?)])
    func `an image costs what the line says that fits it best`(size: String, quality: String?, price: String?) {
        guard case .pixels(let width, let height)? = Size(size) else { return #expect(Bool(false)) }
        let images = [Price.Dimensions(width: width, height: height)]
        #expect(Self.table.cost(of: images, to: Price.Question(quality: quality), requests: 1) == Self.money(price))
    }

    @Test func `several images cost their sum, input images included`() {
        let small = Price.Dimensions(width: 512, height: 512)
        let large = Price.Dimensions(width: 1024, height: 1024)
        let edit = Price.Question(quality: "low", inputImages: 3)
        #expect(Self.table.cost(of: [small, large], to: edit, requests: 1) == Money("0.046"))
        #expect(Self.table.cost(of: [small, large], to: edit, requests: 2) == Money("0.076"))
        #expect(Self.flat.cost(of: [small, small], to: edit, requests: 2) == Money("0.05"))
        #expect(Self.flat.cost(of: [], to: Price.Question(), requests: 1) == Money("0"))
    }

    @Test func `one image of unknown price makes the sum unknown`() {
        let known = Price.Dimensions(width: 512, height: 512)
        let unknown = Price.Dimensions(width: 1024, height: 1024)
        let question = Price.Question(quality: "medium")
        #expect(Self.table.cost(of: [known, unknown], to: question, requests: 1) == nil)
        #expect(Price().cost(of: [known], to: Price.Question(), requests: 1) == nil)
    }

    @Test func `an image that was delivered and never seen costs the most that it can`() {
        var price = Self.table
        price.image = Money("0.02")
        #expect(price.cost(of: [nil], to: Price.Question(quality: "low"), requests: 1) == Money("0.02"))
        #expect(price.cost(of: [nil], to: Price.Question(), requests: 1) == Money("0.25"))
        let size = Size.pixels(width: 1024, height: 1536)
        #expect(
            price.cost(of: [nil, nil], to: Price.Question(size: size, quality: "low"), requests: 1) == Money("0.032"))
        #expect(Self.flat.cost(of: [nil, nil], to: Price.Question(), requests: 2) == Money("0.05"))
    }

    @Test func `after a restart the ledger's row asks the same`() {
        var order = Self.order("1024x1536", quality: "high", count: 3, inputs: 2)
        for (size, quality) in [("1024x1536", "high"), ("auto", nil), ("16:9", "auto"), ("2K", "low")]
            as [(String, String?)]
        {
            order.size = Size(size) ?? .auto
            order.parameters[.quality] = quality.map { .string($0) }
            var job = JobRecord.example("req_1", key: "key_1", count: 3)
            job.inputImages = 2
            job.parameters =
                quality.map { #"{"n":3,"size":"\#(size)","quality":"\#($0)"}"# } ?? #"{"size":"\#(size)"}"#
            #expect(Price.Question(job) == Price.Question(order))
        }
    }

    @Test(
        arguments: [
            (order("1024x1024", quality: "low"), "0.011"), (order("1024x1024", quality: "high", count: 4), "0.668"),
            (order("1024x1024", quality: "low", count: 2, inputs: 3), "0.082"),
            (order("1024x1024", quality: "medium"), nil), (order("auto", quality: "low"), nil),
        ] as [(ImageOrder, String?)])
    func `the most an order can cost is the dearest that fits it`(order: ImageOrder, most: String?) {
        #expect(Self.table.most(for: Price.Question(order)) == Self.money(most))
    }

    @Test(arguments: ["auto", "1024x1024", "16:9", "2K"])
    func `where there is a price for any image, there is always a most`(size: String) {
        var price = Self.table
        price.image = Money("0.1")
        let most = price.most(for: Price.Question(Self.order(size)))
        #expect(most == Money(size == "1024x1024" ? "0.167" : "0.25"))
        #expect(Self.flat.most(for: Price.Question(Self.order(size, count: 3))) == Money("0.075"))
    }

    @Test func `no order costs more than the most that was told for it`() {
        var price = Self.table
        price.image = Money("0.02")
        let sizes = ["512x512", "1024x1024", "1024x1536", "2048x2048"]
        for size in sizes {
            guard case .pixels(let width, let height)? = Size(size) else { continue }
            let image = Price.Dimensions(width: width, height: height)
            for quality in [nil, "low", "medium", "high"] as [String?] {
                for asked in [size, "auto"] {
                    let question = Price.Question(Self.order(asked, quality: quality, count: 2, inputs: 1))
                    let cost = price.cost(of: [image, image], to: question, requests: 2)
                    let most = price.most(for: question)
                    #expect(
                        cost ?? Money(microunits: .max) <= most ?? Money(microunits: 0), "\(size) \(quality ?? "-")")
                }
            }
        }
    }

    @Test(arguments: ["", "auto", "1024x1024 high low", "1:1", "high high", "1024x1024 512x512", "a1"])
    func `what is neither size nor quality is no line`(text: String) {
        #expect(Price.Line(text, image: Money(microunits: 1)) == nil)
    }
}
