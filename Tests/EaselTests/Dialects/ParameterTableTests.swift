import Testing

@testable import Easel

struct ParameterTableTests {
    @Test(arguments: [
        ("modelverse", "Qwen/Qwen-Image-Edit", "images | image | 1, as URL or data URI | "),
        ("modelverse", "Qwen/Qwen-Image-Edit", "strength | strength | 0..1 | default 0.8"),
        ("modelverse", "Qwen/Qwen-Image-Edit", " | response_format |  | always url"),
        ("bizyair", "*", "size | image_size | \(SizeRuleTests.list.words) | 1328x1328 unless given"),
        ("bizyair", "*", "n |  |  | one request per image"),
        ("dmxapi", "*-edit*", "images | image | 1, as file, at most 3\u{A0}999 KB, jpeg png | "),
        ("fal", "*", "size | image_size.{width, height} |  | "),
        ("seaart", "*", "model | the path |  | the route's"),
        (
            "gemini", "*",
            "images | contents[].parts[].inlineData.data | 1..14, as base64, at most 15 MB, heic jpeg png webp | "
        ),
        (
            "bfl", "flux-2*",
            "images | input_image … input_image_8 | 1..8, as URL or base64, at most 20 MB, jpeg png webp | "
        ),
        ("bfl", "flux-pro-1.0-fill*", "mask | mask | as base64 | white may change"),
        ("dashscope", "qwen-image", "n | parameters.n | 1 | one request per image"),
        ("dashscope-async", "*", " | X-DashScope-Async (header) |  | always enable"),
        ("azure-openai", "*", " | api-version (query) |  | always 2025-04-01-preview"),
        ("sd-server", "*", "seed | seed |  | random unless given"),
    ])
    func `a row says what a person would look for on the provider's page`(
        name: String, models: String, expected: String
    ) throws {
        let dialect = try #require(try BuiltinDialects.catalog()[name])
        let table = try #require(dialect.parameterTables.last { $0.models == models })
        let rows = table.rows.map { "\($0.parameter) | \($0.native) | \($0.bounds) | \($0.notes)" }
        #expect(rows.contains(expected), "\(rows.joined(separator: "\n"))")
    }

    @Test func `what the provider cannot take is listed`() throws {
        let dialect = try #require(try BuiltinDialects.catalog()["modelverse"])
        let table = try #require(dialect.parameterTables.first)
        #expect(table.dropped.starts(with: ["mask", "size", "cfg"]))
        #expect(!table.dropped.contains("n"))
    }
}

extension SizeRule {
    fileprivate var words: String { list.map { "\($0.width)x\($0.height)" }.joined(separator: " ") }
}
