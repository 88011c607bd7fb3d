import Crypto
import Testing

struct RandomTests {
    @Test(arguments: [0, 1, 32, 100_000])
    func `as many bytes come as were asked for`(count: Int) {
        #expect(Random.bytes(count).count == count)
    }

    @Test func `no two draws are the same`() {
        #expect(Set((0..<1_000).map { _ in Random.bytes(16) }).count == 1_000)
        #expect(Set((0..<1_000).map { _ in Random.token(bytes: 16) }).count == 1_000)
    }

    @Test(arguments: [(0, 0), (1, 2), (16, 22), (18, 25), (32, 43)])
    func `a token is long enough for its bytes`(bytes: Int, length: Int) {
        #expect(Random.token(bytes: bytes).count == length)
    }

    @Test func `a token has letters and digits only, each as often as the others`() {
        var counts: [Character: Int] = [:]
        for character in Random.token(bytes: 100_000) { counts[character, default: 0] += 1 }
        #expect(counts.count == 62)
        #expect(counts.keys.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
        // 134,359 characters, 2,167 of each on average; ten standard deviations either way.
        #expect(counts.values.allSatisfy { (1_700...2_640).contains($0) })
    }

    @Test func `asking for fewer than no bytes stops the program`() async {
        await #expect(processExitsWith: .failure) { _ = Random.bytes(-1) }
    }
}
