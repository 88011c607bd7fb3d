import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop)
struct PublishedInputsTests {
    private static let image = ImageFile(
        path: "/spool/in", length: 100, mediaType: "image/jpeg", width: 10, height: 10)

    @Test @EventLoop func `an image can be had by its whole name until it is withdrawn`() {
        let inputs = PublishedInputs(publicURL: "https://images.example.com")
        let publication = inputs.publish(Self.image)
        #expect(publication.url == "https://images.example.com/files/inputs/\(publication.token).jpg")
        #expect(publication.token.count >= 32)
        #expect(inputs[publication.token, "jpg"] == Self.image)
        #expect(inputs[publication.token, "png"] == nil)
        #expect(inputs["other", "jpg"] == nil)
        inputs.withdraw(publication)
        #expect(inputs[publication.token, "jpg"] == nil)
    }

    @Test @EventLoop func `no two publications share an address`() {
        let inputs = PublishedInputs(publicURL: "https://images.example.com")
        let (first, second) = (inputs.publish(Self.image), inputs.publish(Self.image))
        #expect(first.url != second.url)
        inputs.withdraw(first)
        #expect(inputs[second.token, "jpg"] == Self.image)
    }

    @Test(arguments: [
        ("http://127.0.0.1:8080", "https://api.example.com/v1", true),
        ("http://192.168.1.2", "https://api.example.com/v1", true),
        ("http://127.0.0.1:8080", "http://127.0.0.1:9000/v1", false),
        ("http://192.168.1.2", "http://192.168.1.3", false),
        ("https://images.example.com", "https://api.example.com/v1", false),
    ])
    @EventLoop func `a provider out there cannot download from an address in here`(
        publicURL: String, baseURL: String, isObstacle: Bool
    ) {
        let intake = ImageIntake(
            forms: [.url], maskForms: [], count: 1...1, bounds: ImageBounds(), maskPolarity: .transparent)
        let provider = ImageRecipient(name: "apifox", baseURL: baseURL, intake: intake)
        let obstacle = PublishedInputs(publicURL: publicURL).obstacle(for: provider)
        #expect((obstacle != nil) == isObstacle)
        guard let obstacle else { return }
        for word in ["'apifox'", "'public_url'", publicURL] { #expect(obstacle.contains(word)) }
    }
}
