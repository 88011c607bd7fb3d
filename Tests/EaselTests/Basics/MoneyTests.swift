import Testing

@testable import Easel

struct MoneyTests {
    @Test(arguments: [
        ("0", 0), ("1", 1_000_000), ("0.025", 25_000), ("20.00", 20_000_000), ("0.000001", 1),
        ("999999999.999999", 999_999_999_999_999),
    ])
    func `a decimal is read exactly`(text: String, microunits: Int64) {
        #expect(Money(text)?.microunits == microunits)
    }

    @Test(arguments: ["", ".", "1.", ".5", "-1", "+1", "1e3", "0.0000001", "1.2.3", "1,5", "9999999999", "٣", "1 "])
    func `anything else is no amount`(text: String) {
        #expect(Money(text) == nil)
    }

    @Test(arguments: [(0, "0.00"), (25_000, "0.025"), (1_500_000, "1.50"), (1, "0.000001"), (-25_000, "-0.025")])
    func `an amount prints with two to six decimals`(microunits: Int64, text: String) {
        #expect(Money(microunits: microunits).description == text)
    }

    @Test func `the price of several images is exact, and nothing when it cannot be held`() {
        #expect(Money(microunits: 25_000).times(4) == Money(microunits: 100_000))
        #expect(Money(microunits: .max).times(2) == nil)
    }
}
