import JSON
import Testing
import YAML

@testable import Easel

struct TemplateTests {
    private static let order: ImageOrder = {
        var order = ImageOrder(operation: .edit, model: "public", prompt: "a \"cat\"")
        order.images = [
            .file(ImageFile(path: "a.png", length: 4, mediaType: "image/png", width: 1, height: 1)),
            .file(ImageFile(path: "b.jpg", length: 5, mediaType: "image/JPEG", width: 1, height: 1)),
        ]
        return order
    }()

    @Test(arguments: [
        ("{a: $n}", #"{"a":1}"#),
        ("{a: '${n}'}", #"{"a":"1"}"#),
        ("{a: 'for ${prompt}: ${n}'}", #"{"a":"for a \"cat\": 1"}"#),
        ("{a: '$$5'}", #"{"a":"$5"}"#),
        ("{a: 1, b: 1.5, c: true, d: '1', e: text}", #"{"a":1,"b":1.5,"c":true,"d":"1","e":"text"}"#),
        ("{a: ~, b: 1}", #"{"b":1}"#),
        ("{a: $steps, b: 1}", #"{"b":1}"#),
        ("{a: 'x ${steps}', b: 1}", #"{"b":1}"#),
        ("{a: {b: {c: $steps}}, d: 1}", #"{"d":1}"#),
        ("{a: {}, b: []}", #"{"a":{},"b":[]}"#),
        ("{a: [$steps], b: 1}", #"{"b":1}"#),
        ("{a: $watermark, b: $seed, c: $strength}", #"{"a":false,"b":0,"c":0.0}"#),
        ("{a: $image.data_uri}", #"{"a":"data:image/png;base64,<a.png>"}"#),
        ("{a: '$images[1].base64', b: '$images[2].base64'}", #"{"a":"<b.jpg>"}"#),
        ("{a: [$images.data_uri]}", #"{"a":["data:image/png;base64,<a.png>","data:image/jpeg;base64,<b.jpg>"]}"#),
        (
            "{a: [{role: user, parts: [{text: $prompt}, {type: $images.media_type, data: $images.base64}]}]}",
            #"{"a":[{"role":"user","parts":[{"text":"a \"cat\""},{"type":"image/png","data":"<a.png>"},"#
                + #"{"type":"image/JPEG","data":"<b.jpg>"}]}]}"#
        ),
        ("{a: $mask.base64, b: $model}", #"{"b":"org/model"}"#),
        ("{a: $size, b: $size(\"*\"), c: $width}", #"{"a":"1536x1024","b":"1536*1024","c":1536}"#),
        ("{a: $aspect, b: $aspect(\"x\")}", #"{"a":"3:2","b":"3x2"}"#),
    ])
    func `a template becomes its values`(template: String, expected: String) throws {
        let mistakes = Mistakes(file: "test.yaml")
        let compiled = TemplateReader(mistakes: mistakes, scope: .order).template(try Document.parse(template))
        #expect(mistakes.all.isEmpty)
        let endpoint = ProviderEndpoint(baseURL: "", apiKey: Secret(""), model: "org/model")
        var values = OrderValues(
            Self.order, endpoint, size: SizeRule().resolve(.pixels(width: 1536, height: 1024)))
        values.parameters = [.watermark: false, .seed: 0, .strength: .double(0)]
        var writer = BodyWriter()
        writer.writeJSON(try #require(compiled.render(values)))
        let text = writer.finish().map { segment in
            switch segment {
            case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
            case .file(let file), .base64(let file): "<\(file.path)>"
            }
        }.joined()
        #expect(text == expected)
    }

    @Test func `a body's length counts base64 as it will be sent`() {
        let lengths = (0...6).map { length in
            BodySegment.base64(ImageFile(path: "", length: length, mediaType: "", width: 1, height: 1)).length
        }
        #expect(lengths == [0, 4, 4, 4, 8, 8, 8])
    }

    @Test func `a request does not print its key or its query`() throws {
        let dialect = try #require(try BuiltinDialects.catalog()["openai"])
        let endpoint = ProviderEndpoint(
            baseURL: "https://h.example/v1", apiKey: Secret("sk-very-secret"), model: "dall-e-3")
        let order = ImageOrder(operation: .generate, model: "m", prompt: "private words")
        let plan = try Planner(dialect, at: endpoint).plan(for: order, strict: false, identifier: "b")
        let printed = "\(plan.requests) \(String(reflecting: plan.requests[0])) \(endpoint)"
        #expect(!printed.contains("secret"))
        #expect(!printed.contains("private"))
    }
}
