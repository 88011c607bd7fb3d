import Testing

@testable import Easel

struct SecretTests {
    @Test func `it is hidden in a text that tells it`() {
        let key = Secret("sk-0123456789abcdef")
        #expect(key.hidden(in: "no such key: sk-0123456789abcdef.") == "no such key: •••.")
        #expect(key.hidden(in: "no such model") == "no such model")
    }

    @Test(arguments: ["", "none", "EMPTY"]) func `what is no key hides nothing`(value: String) {
        #expect(Secret(value).hidden(in: "there is none, it is EMPTY") == "there is none, it is EMPTY")
    }
}
