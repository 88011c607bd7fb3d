import Crypto
import Testing

@testable import Easel

struct AudienceTests {
    private let now = ManualClock().now
    private let question = Audience.Question(keyID: "key", fingerprint: SHA256.digest(of: "an otter"))

    private func asked(_ ids: String..., retryCount: Int = 0) -> Audience {
        var audience = Audience()
        for id in ids { audience.ask(id, question, retryCount: retryCount, at: now) }
        return audience
    }

    @Test func `whoever leaves is owed the answer until somebody comes back for it`() {
        var audience = asked("a")
        #expect(!audience.isOwed("a"))
        audience.hear("a", inFull: false, isSuccess: true, at: now)
        #expect(audience.isOwed("a"))
        audience.comeBack(to: "a", question, retryCount: 1, at: now)
        #expect(!audience.isOwed("a"))
        audience.hear("a", inFull: false, isSuccess: true, at: now)
        #expect(audience.isOwed("a"))
    }

    @Test func `a departure that is seen only after the retry changes nothing`() {
        var audience = asked("a")
        audience.comeBack(to: "a", question, retryCount: 1, at: now)
        audience.hear("a", inFull: false, isSuccess: true, at: now)
        #expect(!audience.isOwed("a"))
        #expect(audience.retryCount(of: "a") == 1)
    }

    @Test func `a job of an earlier run has lost its client`() {
        var audience = Audience()
        audience.comeBack(to: "a", question, retryCount: 1, at: now)
        #expect(!audience.isOwed("a"))
        audience.hear("a", inFull: false, isSuccess: true, at: now)
        #expect(audience.isOwed("a"))
    }

    @Test func `what was delivered in full is left to the ledger, and what was refused is not`() {
        var audience = asked("a", "b", "c")
        audience.hear("a", inFull: true, isSuccess: true, at: now)
        audience.hear("b", inFull: true, isSuccess: false, at: now + .seconds(9))
        #expect(audience.jobs(of: question) == ["b", "c"])
        #expect(audience.changedAt("b") == now + .seconds(9))
        audience.hear("nobody", inFull: false, isSuccess: true, at: now)
        #expect(audience.count == 2)
    }

    @Test func `whoever bought nothing is replaced once`() {
        var audience = asked("a")
        audience.hear("a", inFull: false, isSuccess: false, at: now)
        for id in ["a", "row"] {
            #expect(audience.replacement(of: id) == nil)
            audience.replace(id, by: "next", question, at: now)
            #expect(audience.replacement(of: id) == "next")
            #expect(!audience.isOwed(id))
        }
    }

    @Test func `another key asks another question`() {
        let audience = asked("a")
        #expect(audience.jobs(of: Audience.Question(keyID: "other", fingerprint: question.fingerprint)).isEmpty)
    }

    @Test func `memory is bounded, and the oldest are forgotten`() {
        var audience = Audience()
        for number in 0..<(3 * Audience.memory) {
            let fingerprint = SHA256.digest(of: "\(number / 2)")
            let question = Audience.Question(keyID: "key", fingerprint: fingerprint)
            audience.ask("\(number)", question, retryCount: 0, at: now)
            if number % 3 == 0 { audience.hear("\(number)", inFull: true, isSuccess: true, at: now) }
            #expect(audience.count <= Audience.memory)
        }
        #expect(audience.count > Audience.memory / 2)
        let last = 3 * Audience.memory - 1
        let newest = Audience.Question(keyID: "key", fingerprint: SHA256.digest(of: "\(last / 2)"))
        #expect(audience.jobs(of: newest).contains("\(last)"))
    }
}
