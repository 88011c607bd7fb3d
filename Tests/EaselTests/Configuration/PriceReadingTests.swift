import Testing
import YAML

@testable import Easel

struct PriceReadingTests {
    private func read(_ price: String) throws -> Result<Configuration, MistakeList> {
        let text = """
            providers: {offline: {dialect: sandbox}}
            models: {otter: {routes: [{provider: offline, price: \(price)}]}}
            """
        return ConfigurationReader.read(
            try Document.parse(text), file: "easel.yaml", dialects: try BuiltinDialects.catalog(),
            environment: { $0 == "PRICE" ? "0.5" : nil })
    }

    private func money(_ text: String) -> Money { Money(text) ?? Money(microunits: -1) }

    @Test(arguments: [
        ("0.025", "0.025"), ("\"0.025\"", "0.025"), ("0", "0"), ("\"${PRICE}\"", "0.5"), ("{image: 1}", "1"),
    ])
    func `one price for every image is a number`(written: String, price: String) throws {
        let route = try #require(try read(written).get().models.first?.routes.first)
        #expect(route.price == Price(image: money(price)))
    }

    @Test(arguments: ["", "~", "null"]) func `no price is unknown`(written: String) throws {
        #expect(try read(written).get().models.first?.routes.first?.price == nil)
    }

    @Test func `a table is read line by line, in any order of words`() throws {
        let written =
            "{image: 0.04, input: 0.01, table: {\"1024x1024 high\": 0.167, \"low 512x512\": 0.005, low: 0.011}}"
        let price = try #require(try read(written).get().models.first?.routes.first?.price)
        #expect(price.image == money("0.04") && price.input == money("0.01"))
        #expect(price.table.map(\.description) == ["1024x1024 high", "512x512 low", "low"])
        #expect(price.table.map(\.image) == ["0.167", "0.005", "0.011"].map(money))
    }

    @Test(arguments: [
        ("free", "'models.otter.routes.price' is 'free'; write it like 0.025, or {image: …, input: …, table: {…}}"),
        ("-1", "write it like 0.025"), ("{}", "needs the price of an image: image, or table, or both"),
        ("{input: 1}", "needs the price of an image"), ("{imgae: 1, image: 1}", "did you mean 'image'?"),
        ("{image: x}", "'models.otter.routes.price.image' is 'x'; write it like 0.025"),
        ("{table: [1]}", "'models.otter.routes.price.table' must be a mapping such as"),
        ("{table: {low: x}}", "'models.otter.routes.price.table.low' is 'x'; write it like 0.025"),
        ("{table: {1:1: 1}}", "'1:1' is no size and no quality"),
        ("{table: {\"1x1 high\": 1, \"high 1x1\": 2}}", "'high 1x1' is in 'models.otter.routes.price.table' already"),
    ])
    func `a mistake in a price is told with its place`(written: String, message: String) throws {
        let mistake = try read(written).onlyMistake()
        #expect(mistake.position.line == 2)
        #expect(mistake.message.contains(message), "\(mistake)")
    }
}
