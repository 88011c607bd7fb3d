import Testing

@testable import Easel

struct ReachTests {
    @Test(arguments: [
        "http://127.0.0.1:8080", "http://127.8.9.1", "http://localhost:8080", "https://LOCALHOST./v1",
        "http://easel.localhost", "http://[::1]:8080/v1", "http://0.0.0.0:8080", "http://10.1.2.3", "http://172.16.0.1",
        "http://192.168.1.10:8080/easel", "http://169.254.1.1", "http://100.64.0.1", "http://[fd00::1]",
        "http://[fe80::1]:8080", "http://easel:8080", "http://nas.local", "http://gpu.internal/v1",
        "http://host.docker.internal:8188", "http://printer.home.arpa", "http://user@localhost:8080",
    ])
    func `addresses and names of this machine and its network are local`(url: String) {
        #expect(Reach(of: url) == .local)
    }

    @Test(arguments: [
        "https://images.example.com", "https://api.modelverse.cn/v1", "http://8.8.8.8:8080", "http://172.32.0.1",
        "https://[2001:4860:4860::8888]/v1", "https://localhost.example.com", "https://local.example:8443/v1",
        "https://example.com/http://localhost",
    ])
    func `every other host can be reached from anywhere`(url: String) {
        #expect(Reach(of: url) == .anywhere)
    }
}
