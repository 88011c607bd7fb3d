import LibEvent
import Testing

@Suite struct SocketAddressTests {
    @Test(
        arguments: [
            ("127.0.0.1:8080", "127.0.0.1", 8080, "127.0.0.1:8080"),
            ("0.0.0.0:0", "0.0.0.0", 0, "0.0.0.0:0"),
            ("[::1]:65535", "::1", 65535, "[::1]:65535"),
            (":8080", "::", 8080, "[::]:8080"),
            ("localhost:80", "127.0.0.1", 80, "127.0.0.1:80"),
        ] as [(String, String, UInt16, String)])
    func `an address and a port are read and printed`(
        text: String, host: String, port: UInt16, description: String
    ) throws {
        let address = try SocketAddress(text)
        #expect(address.host == host)
        #expect(address.port == port)
        #expect(address.description == description)
    }

    @Test(
        arguments: [
            "", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.1:80", "::1:80", "[::1]",
            "[127.0.0.1]:x", "example.com:80", "http://127.0.0.1:80",
        ])
    func `anything else is refused with advice`(text: String) {
        let error = #expect(throws: AddressError.self) { try SocketAddress(text) }
        #expect(error?.description.contains("'\(text)'") == true)
        #expect(error?.description.contains("127.0.0.1:8080") == true)
    }
}
