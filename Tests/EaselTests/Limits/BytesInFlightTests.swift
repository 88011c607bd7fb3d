import HTTP
import Testing

@testable import Easel

struct BytesInFlightTests {
    private let bounds = BytesInFlight.Bounds(all: 100, perKey: 60)

    private func refusal(_ hold: BytesInFlight.Hold, _ bytes: Int) -> GatewayError? {
        do throws(GatewayError) { try hold.grow(by: bytes) } catch { return error }
        return nil
    }

    @Test func `room is held until its holder goes`() {
        let bytes = BytesInFlight()
        do {
            let hold = bytes.hold(for: "a", within: bounds)
            #expect(refusal(hold, 20) == nil)
            #expect(refusal(hold, 30) == nil)
            #expect(bytes.count == 50)
        }
        #expect(bytes.count == 0)
        #expect(refusal(bytes.hold(for: "a", within: bounds), 60) == nil)
    }

    @Test func `a key gets no more than its share, and all together no more than there is`() {
        let bytes = BytesInFlight()
        let (first, second) = (bytes.hold(for: "a", within: bounds), bytes.hold(for: "a", within: bounds))
        let other = bytes.hold(for: "b", within: bounds)
        #expect(refusal(first, 40) == nil)
        #expect(refusal(second, 21)?.status == .tooManyRequests)
        #expect(refusal(second, 21)?.message.contains("Limit 60, Used 40, Requested 21.") == true)
        #expect(refusal(second, 20) == nil)
        #expect(refusal(other, 41)?.status == .serviceUnavailable)
        #expect(refusal(other, 41)?.code == "server_is_overloaded")
        #expect(refusal(other, 40) == nil)
        #expect(bytes.count == 100)
        #expect(refusal(other, 1)?.retryAfter == BytesInFlight.pause)
    }

    @Test func `what was refused is not held`() {
        let bytes = BytesInFlight()
        let hold = bytes.hold(for: "a", within: bounds)
        for _ in 0..<3 { #expect(refusal(hold, 61) != nil) }
        #expect(bytes.count == 0)
        #expect(refusal(hold, .max) != nil)
        #expect(refusal(hold, 60) == nil)
    }

    @Test func `any number of threads leave nothing behind`() async {
        let (bytes, bounds) = (BytesInFlight(), bounds)
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for count in 0..<200 {
                        let hold = bytes.hold(for: "key \(task % 3)", within: bounds)
                        _ = self.refusal(hold, count % 30)
                        _ = self.refusal(hold, count % 7)
                    }
                }
            }
        }
        #expect(bytes.count == 0)
    }
}
