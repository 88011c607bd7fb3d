import HTTP
import Testing

@testable import Easel

struct RetryMarksTests {
    @Test(arguments: [
        "a", "2f1d8b3e-0c59-4a0e-8f5b-1c2d3e4f5a6b", "\"quoted\"", "~!{}", String(repeating: "k", count: 255),
    ])
    func `a name of visible characters is taken as it is`(key: String) throws {
        #expect(try RetryMarks(["Idempotency-Key": " \(key) "]).idempotencyKey == key)
    }

    @Test(arguments: ["", "  ", "two words", "tab\tbed", "ötter", String(repeating: "k", count: 256)])
    func `a name that cannot be one is refused`(key: String) throws {
        let error = #expect(throws: GatewayError.self) { try RetryMarks(["idempotency-key": key]) }
        #expect(error?.status == .badRequest)
        #expect(error?.parameter == "Idempotency-Key")
        #expect(error?.message.contains("255") == true)
    }

    @Test(arguments: [("0", 0), ("1", 1), ("2", 2), ("-1", 0), ("many", 0), ("1.5", 0), ("99999999999999999999", 0)])
    func `a count that is none counts as the first try`(text: String, count: Int) throws {
        #expect(try RetryMarks(["X-Stainless-Retry-Count": text]).retryCount == count)
        #expect(try RetryMarks([:]).retryCount == 0)
    }
}
