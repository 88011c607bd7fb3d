import HTTP
import Testing

@testable import Easel

struct CredentialsTests {
    @Test(arguments: [
        ("authorization", "Bearer sk-1", "sk-1"),
        ("authorization", "bEARER  sk-1 ", "sk-1"),
        ("authorization", "Bearer My API Key", "My API Key"),
        ("authorization", "sk-1", "sk-1"),
        ("authorization", "Basic OnNrLTE=", "sk-1"),
        ("authorization", "Basic c2stMTo=", "sk-1"),
        ("api-key", "sk-1", "sk-1"),
        ("x-api-key", " sk-1", "sk-1"),
    ])
    func `a key is found in every form clients send it`(name: String, value: String, key: String) {
        #expect(Credentials.key(in: Fields(dictionaryLiteral: (name, value)))?.reveal() == key)
    }

    @Test(arguments: [
        ("authorization", "Bearer "), ("authorization", ""), ("authorization", "Basic !!"), ("cookie", "sk-1"),
    ])
    func `no key is no key`(name: String, value: String) {
        #expect(Credentials.key(in: Fields(dictionaryLiteral: (name, value))) == nil)
    }

    @Test func `authorization comes before api-key`() {
        #expect(Credentials.key(in: ["api-key": "b", "authorization": "Bearer a"])?.reveal() == "a")
    }

    @Test func `a hint is too little to use`() {
        #expect(Credentials.hint(of: Secret("short")) == "•••")
        #expect(Credentials.hint(of: Secret("sk-easel-0123456789abcdef")) == "sk-easel-012…ef")
    }
}
