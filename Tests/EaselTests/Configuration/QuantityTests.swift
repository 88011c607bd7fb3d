import Testing

@testable import Easel

struct QuantityTests {
    @Test(arguments: [
        ("500ms", Duration.milliseconds(500)), ("90s", .seconds(90)), ("15m", .seconds(900)), ("24h", .seconds(86_400)),
        ("30d", .seconds(2_592_000)), ("1.5s", .milliseconds(1500)), ("0s", .zero),
    ])
    func `a time is a number and a unit`(text: String, duration: Duration) {
        #expect(Quantity.duration(text) == duration)
    }

    @Test(arguments: [
        ("100", 100), ("64KB", 64_000), ("256MB", 256_000_000), ("50GB", 50_000_000_000), ("1GiB", 1_073_741_824),
        ("1.5 MB", 1_500_000),
    ])
    func `a length is a number and a unit of bytes`(text: String, bytes: Int) {
        #expect(Quantity.bytes(text) == bytes)
    }

    @Test(arguments: ["", "s", "10", "-5s", "5 parsecs", "0.0001ms", "999999999d999", "١s"])
    func `anything else is no time`(text: String) {
        #expect(Quantity.duration(text) == nil)
    }

    @Test(arguments: ["", "MB", "-1", "1.5", "10 bananas", "999999999TB9"])
    func `anything else is no length`(text: String) {
        #expect(Quantity.bytes(text) == nil)
    }

    @Test func `pixels are counted in megapixels`() {
        #expect(Quantity.pixels("50MP") == 50_000_000)
        #expect(Quantity.pixels("0.5MP") == 500_000)
    }
}
