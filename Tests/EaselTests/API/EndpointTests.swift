import Testing

@testable import Easel

struct EndpointTests {
    @Test(arguments: [
        "/v1/images/generations", "/images/generations", "/v1/images/generations/", "/v1/v1/images/generations",
        "/openai/v1/images/generations", "/openai/images/generations", "/v1images/generations",
    ])
    func `generations are found under every path clients use`(path: String) {
        #expect(Endpoint(path: path[...]) == .generations(model: nil))
    }

    @Test func `an Azure deployment names the model`() {
        #expect(Endpoint(path: "/openai/deployments/flux/images/edits") == .edits(model: "flux"))
    }

    @Test(arguments: [
        "/v1/images/variations", "/images/variations", "/openai/images/variations", "/v1images/variations",
    ])
    func `variations are found, below Azure's prefix without a deployment`(path: String) {
        #expect(Endpoint(path: path[...]) == .variations(model: nil))
    }

    @Test(arguments: ["/v1/models/org%2Fna%20me:x", "/v1/models/org/na%20me:x"])
    func `a model's id may hold a slash, encoded or not`(path: String) {
        #expect(Endpoint(path: path[...]) == .model("org/na me:x"))
    }

    @Test(arguments: [
        ("/", Endpoint.root), ("/healthz", .health), ("/health", .health), ("/readyz", .readiness),
        ("/v1/models", .models),
        ("/v1/images/jobs/req_1", .job("req_1")), ("/files/abc.png", .file(token: "abc", fileExtension: "png")),
        ("/files/inputs/abc.png", .input(token: "abc", fileExtension: "png")),
    ])
    func `the other paths lead where they say`(path: String, endpoint: Endpoint) {
        #expect(Endpoint(path: path[...]) == endpoint)
    }

    @Test(arguments: [
        "/v1/foo", "/v1", "/v1/images", "/files/abc", "/files/a/b.png", "/files", "/files/inputs",
        "/files/inputs/a/b.png", "/v1/images/generations/x", "/v1/images/jobs",
        "/v1/models/%zz", "/healthz/x", "/v2/models",
    ])
    func `any other path leads nowhere`(path: String) {
        #expect(Endpoint(path: path[...]) == nil)
    }
}
