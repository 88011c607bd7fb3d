import HTTP
import Testing

@testable import Easel

struct PatienceTests {
    @Test(
        arguments: [
            (nil, nil, nil), ("respond-async", 0, "respond-async"),
            ("Respond-Async, Wait=10", 10, "respond-async, wait=10"),
            ("wait=10", 10, "wait=10"), ("wait=0", 0, "wait=0"), ("wait=\"7\"", 7, "wait=7"),
            ("wait=601", 600, "wait=600"),
            ("wait=99999999999999999999", 600, "wait=600"), ("wait=soon", nil, nil), ("wait=-1", nil, nil),
            ("wait=1.5", nil, nil), ("wait", nil, nil), ("return=minimal", nil, nil),
            ("respond-async; later=\"a, wait=3\", wait=4", 4, "respond-async, wait=4"),
        ] as [(String?, Int?, String?)])
    func `a client's preference counts as far as it makes sense`(prefer: String?, seconds: Int?, applied: String?) {
        var fields: Fields = [:]
        fields["prefer"] = prefer
        let patience = Patience(fields, answerWithin: nil)
        #expect(patience.limit == seconds.map { .seconds($0) })
        #expect(patience.isClients == (seconds != nil))
        #expect(patience.applied(isAccepted: true) == applied)
        #expect(patience.applied(isAccepted: false)?.contains("respond-async") != true)
    }

    @Test func `the owner's limit is for clients without a preference`() {
        let limit = Duration.seconds(90)
        #expect(Patience([:], answerWithin: limit).limit == limit)
        #expect(Patience([:], answerWithin: limit).applied(isAccepted: true) == nil)
        #expect(Patience(["prefer": "wait=soon"], answerWithin: limit).limit == limit)
        #expect(Patience(["prefer": "wait=300"], answerWithin: limit).limit == .seconds(300))
        #expect(Patience(["prefer": "respond-async"], answerWithin: limit).limit == .zero)
    }

    @Test func `a job has its row early only where there is something to do before its first attempt`() {
        var order = ImageOrder(operation: .generate, model: "m", prompt: "otter")
        let (owners, clients) = (
            Patience([:], answerWithin: .seconds(90)), Patience(["prefer": "wait=1"], answerWithin: nil)
        )
        #expect(!Patience([:], answerWithin: nil).needsReceipt(for: order))
        #expect(!owners.needsReceipt(for: order))
        #expect(clients.needsReceipt(for: order))
        order.images = [.url("https://a.example/otter.png")]
        #expect(owners.needsReceipt(for: order))
        #expect(!Patience([:], answerWithin: nil).needsReceipt(for: order))
    }
}
