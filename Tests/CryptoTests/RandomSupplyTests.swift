import Testing

@testable import Crypto

struct RandomSupplyTests {
    @Test func `a supply has as many bytes as are wanted, also at its end`() {
        var supply = RandomSupply()
        for count in [0, 1, RandomSupply.batch - 2, 2, RandomSupply.batch, 3 * RandomSupply.batch, 16] {
            #expect(supply.bytes(count).count == count)
        }
    }

    @Test func `no bytes are given out twice`() {
        var supply = RandomSupply()
        #expect(Set((0..<1_000).map { _ in supply.bytes(16) }).count == 1_000)
        #expect(Set((0..<1_000).map { _ in supply.token(bytes: 16) }).count == 1_000)
    }

    @Test func `tokens are as long as those that are made alone`() {
        var supply = RandomSupply()
        #expect(supply.token(bytes: 18).count == Random.token(bytes: 18).count)
    }
}
