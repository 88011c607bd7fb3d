import Testing

@testable import Easel

/// What a restart would need of images that are not stored yet.
struct DeliveryTests {
    private func pending(_ payload: ResultImage.Payload, or alternative: ResultImage.Payload? = nil) -> PendingImage? {
        let image = ResultImage(payload: payload, alternative: alternative)
        return PendingImage(
            DeliveredImage(image: image, files: [], seed: 7), position: 100, expiresAt: ManualClock().now)
    }

    @Test func `an image is fetched again from its addresses`() {
        let pending = pending(.url("https://files.test/a"), or: .url("https://files.test/b"))
        #expect(pending?.url == "https://files.test/a")
        #expect(pending?.alternative == "https://files.test/b")
        #expect(pending.flatMap { PendingImage($0.json) } == pending)
    }

    @Test(arguments: [ResultImage.Payload.external(0), .base64("UklGRg=="), .body])
    func `bytes that get lost are fetched from the address that came with them`(payload: ResultImage.Payload) {
        let pending = pending(payload, or: .url("https://files.test/a"))
        #expect(pending?.url == "https://files.test/a")
        #expect(pending?.alternative == nil)
    }

    @Test func `what has no address cannot be fetched`() {
        #expect(pending(.external(0)) == nil)
        #expect(pending(.base64("UklGRg=="), or: .external(0)) == nil)
    }
}
