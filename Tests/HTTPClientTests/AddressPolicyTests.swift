import LibEvent
import Support
import Testing

@testable import HTTPClient

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct AddressPolicyTests {
    @Test(arguments: [
        "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
        "127.255.255.254", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1",
        "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "239.255.255.255", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::2", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
        "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8", "100::1",
        "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1",
        "2002:7f00:1::1", "2002:808:808::1", "3fff::1", "4000::1", "5f00::1", "fc00::1", "fdff::1", "fe80::1",
        "fec0::1", "ff02::1", "2a00:1450::5efe:127.0.0.1", "2a00:1450::200:5efe:10.0.0.1",
    ])
    func `an address that is not public is refused`(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(AddressPolicy.publicOnly(except: []).refusal(of: address) != nil)
        #expect(AddressPolicy.any.refusal(of: address) == nil)
    }

    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0", "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0",
        "198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8",
        "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450:4001::200e", "2001:200::1",
    ])
    func `a public address is allowed`(text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(AddressPolicy.publicOnly(except: []).refusal(of: address) == nil)
    }

    @Test(arguments: [
        ("127.0.0.0/8", "127.9.9.9"), ("127.0.0.1", "127.0.0.1"), ("127.0.0.0/8", "::ffff:127.0.0.1"),
        ("10.1.2.3/8", "10.200.0.1"), ("fd00::/8", "fd12::1"), ("::1", "::1"), ("0.0.0.0/0", "192.168.1.1"),
        ("::/0", "fe80::1"),
    ])
    func `an exception opens its range`(range: String, address: String) throws {
        let policy = AddressPolicy.publicOnly(except: [try #require(AddressRange(range))])
        #expect(policy.refusal(of: try #require(IPAddress(address))) == nil)
    }

    @Test(arguments: [
        ("127.0.0.0/8", "128.0.0.1"), ("127.0.0.1/32", "127.0.0.2"), ("10.0.0.0/9", "10.128.0.0"),
        ("::/0", "127.0.0.1"), ("0.0.0.0/0", "::1"), ("fd00::/64", "fd00:0:0:1::"),
    ])
    func `a range ends where it ends`(range: String, address: String) throws {
        #expect(try #require(AddressRange(range)).contains(try #require(IPAddress(address))) == false)
    }

    @Test(arguments: [
        "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/8 ",
        "10.0.0", "::/129", "localhost", "127.0.0.1\0", "0x7f.1", "[::1]", "fe80::1%eth0",
    ])
    func `what is not a range is not read as one`(text: String) {
        #expect(AddressRange(text) == nil)
    }

    @Test(arguments: ["127.0.0.1/32", "10.0.0.0/8", "fd00::/8", "2001:db8::1/128"])
    func `a range prints as it reads`(text: String) throws {
        #expect(try #require(AddressRange(text)).description == text)
    }

    @Test(arguments: [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "0", "0.0.0.0", "127.0.0.2",
        "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "127.0.0.1.",
    ])
    @EventLoop func `a hostile URL connects to nobody`(host: String) async throws {
        let server = ScriptedServer(on: "0.0.0.0")
        let client = HTTPClient(addresses: .publicOnly(except: []))
        let error = await client.failure(of: ClientRequest(url: "http://\(host):\(server.port)/"))
        switch error?.kind {
        case .addressRefused, .unresolvable: break
        default: Issue.record("\(String(describing: error))")
        }
        #expect(error?.reached == .no)
        #expect(server.connectionCount == 0)
    }

    @Test @EventLoop func `a client without restrictions connects to what another refuses`() async throws {
        let server = ScriptedServer()
        let guarded = HTTPClient(addresses: .publicOnly(except: []))
        #expect(try await HTTPClient(addresses: .any).text(server.url) == "ok")
        #expect(await guarded.failure(of: ClientRequest(url: server.url))?.reached == .no)
        #expect(server.connectionCount == 1)
    }
}
