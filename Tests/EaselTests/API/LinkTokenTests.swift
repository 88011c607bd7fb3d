import Testing

@testable import Easel

struct LinkTokenTests {
    @Test func `newer tokens sort last`() {
        let moments = [0, 1, 15, 16, 1_795_248_000_000, 1_795_248_000_001, 1 << 47].map {
            Timestamp(microseconds: $0 * 1000)
        }
        let tokens = moments.map(LinkToken.make)
        #expect(tokens == tokens.sorted())
        #expect(Set(tokens.map(\.count)).count == 1)
    }

    @Test func `tokens of one moment have nothing else in common`() {
        let tokens = (0..<1000).map { _ in LinkToken.make(at: Timestamp(microseconds: 0)).dropFirst(12) }
        #expect(Set(tokens).count == 1000)
        // 24 characters of 62 are more than 128 bits.
        #expect(tokens.allSatisfy { $0.count >= 24 && $0.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) } })
    }
}
