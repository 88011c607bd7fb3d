import Testing
import YAML

@Suite struct `Suggestion` {
    private static let names = ["seaart", "modelverse", "bizyair", "n", "api_key", "base_url", "paths"]

    @Test(arguments: [
        ("seart", "seaart"),
        ("seaat", "seaart"),
        ("saeart", "seaart"),
        ("SeaArt", "seaart"),
        ("modelvers", "modelverse"),
        ("apikey", "api_key"),
        ("base-url", "base_url"),
        ("baseurls", "base_url"),
        ("path", "paths"),
        ("pahts", "paths"),
    ])
    func `finds the name that was meant`(name: String, meant: String) {
        #expect(suggestion(for: name, among: Self.names) == meant)
    }

    @Test(arguments: ["", "x", "steps", "openai", "url", "api"])
    func `does not guess wildly`(name: String) {
        #expect(suggestion(for: name, among: Self.names) == nil)
    }

    @Test func `prefers the nearest name, then the first`() {
        #expect(suggestion(for: "images", among: ["mages", "imags", "image"]) == "mages")
        #expect(suggestion(for: "imges", among: ["imgaes", "image", "images"]) == "imgaes")
        #expect(suggestion(for: "imagess", among: ["image", "images"]) == "images")
    }

    @Test func `goes on with a message about a name, or adds nothing`() {
        #expect(
            "unknown '\("seart")'" + didYouMean("seart", among: Self.names) == "unknown 'seart', did you mean 'seaart'?"
        )
        #expect(didYouMean("openai", among: Self.names).isEmpty)
        #expect(didYouMean("openai", among: Self.names, otherwise: "; there is none") == "; there is none")
        #expect(didYouMean("seart", among: Self.names, otherwise: "; there is none") == ", did you mean 'seaart'?")
    }

    @Test func `a text of any length costs nothing`() {
        let long = String(repeating: "a", count: 10_000_000)
        #expect(suggestion(for: long, among: [String(repeating: "a", count: 10_000)]) == nil)
    }
}
