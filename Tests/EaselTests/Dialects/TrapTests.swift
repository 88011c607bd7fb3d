import JSON
import Testing

@testable import Easel

/// The traps that providers' APIs set for whoever speaks to several of them, and where it is shown that the dialects stay
/// clear of each.
///
/// Traps of the other parts are tested there: damaged base64 and wrong types with the spool, `×` and `X` in sizes with the
/// orders, redirects and private addresses with the client and the fetcher.
struct TrapTests {
    @Test(arguments: [
        // Images in.
        Trap("base64 without a prefix, where one would be ignored in silence", "localai/edit", "<base64 of a.png>"),
        Trap(
            "base64 with a prefix, where one is required", "dashscope/edit", "data:image/png;base64,<base64 of b.png>"),
        Trap("base64 beside its type", "gemini/edit", "image/webp"),
        Trap("a link and nothing else", "qwen-image-edit-2509/bytes", "only as URLs"),
        Trap("one field name for each image", "siliconflow/edit-of-three-images", "image3"),
        Trap("the same field for every image, in their order", "vllm-omni/edit", "<bytes of b.jpg>"),
        Trap("a file's type is its bytes', not the client's word", "dmxapi/edit", "Content-Type: image/jpeg"),
        Trap("edits through the path of generations", "modelscope/edit", "/images/generations"),
        Trap("a missing path is an error, no reason to try another", "dmxapi/answers", "model_not_found"),
        // Images out.
        Trap("base64 with a prefix, where none belongs", "modelverse/answers", "data:image/png;base64,iVBO"),
        Trap("a link and base64 are one image", "modelverse/answers", "alternative"),
        Trap("an empty string is nothing", "modelverse/answers", #""b64_json":"""#),
        Trap("an answer wrapped once more", "openai/answers", #""data":{"data":["#),
        Trap("two lists of the same images", "bizyair/edit", "shared_id"),
        Trap("a whole other provider's answer inside", "dmxapi/edit", "extra"),
        Trap("one link instead of a list", "bizyair/generation", "image_url"),
        Trap("bytes instead of JSON", "stability/bytes", #""body":true"#),
        Trap("sketches on the way to the image", "gemini/edit", "thought"),
        Trap("images out of order", "together/generation", #""index":1"#),
        Trap("a link below the server's own address", "sglang/generation", "/v1/images/s/content"),
        Trap("a signed link stays as it is, byte for byte", "bizyair/generation", "outputs%2Fa.png?Expires=1758388631"),
        Trap("base64 or links, by the one word that the provider has for it", "vllm-omni/generation", "b64_json"),
        // Sizes.
        Trap("another sign between width and height", "seaart/edit", "688*2048"),
        Trap("sizes that only one of two providers makes", "bizyair/base-image-with-a-size", "1140x1472"),
        Trap("sizes that only the other one makes", "dashscope/listed-sizes", "1472*1104"),
        Trap("a required size that nobody gave", "siliconflow/generation-without-a-size", "1328x1328"),
        Trap("a size where none may be", "siliconflow/edit", #""size":"dropped""#),
        Trap("levels beside pixels", "dashscope/wan-levels", "2K"),
        Trap("an area and a step at once", "zhipu/generation", "1440x1440"),
        // How many.
        Trap("no n: several requests, each with a seed of its own", "bizyair/three-images-are-three-requests", "44"),
        Trap("an n that may fail is not sent", "dmxapi/generation", "2 requests"),
        Trap("a default n that is not 1", "dashscope/wan-always-gets-n", #""n":1"#),
        Trap("some of the images", "ark/partial", "failures"),
        Trap("some of the images of a task that succeeded", "dashscope-async/queue", "failures"),
        // Seeds and flags.
        Trap("a seed of ten digits, and the one after the last", "siliconflow/generation", "9999999999"),
        Trap("a seed of 0 is a seed", "modelverse/edit-of-a-link-asked-for-six", #""seed":0"#),
        Trap("a seed of 0 that means random", "stability/inpaint", "clamped 1, the provider takes 1..4294967294"),
        Trap("the same seed each time", "sglang/generation", "2129524601"),
        Trap("an explicit false is sent", "seaart/edit", #""watermark":false"#),
        Trap("a watermark unless one says no", "ark/partial", #""watermark":false"#),
        // Failures.
        Trap("an error code in a success", "minimax/all-in-200", "insufficient balance"),
        Trap("a failed task in a success", "dashscope-async/queue", #""task_status":"FAILED""#),
        Trap("completed, and failed", "seaart/queue", "REQUEST_INVALID"),
        Trap("a login page's words in a success", "qwen-image-edit-2509/answers", "FAIL_SYS_USER_VALIDATE"),
        Trap("a blurred image in a success", "stability/bytes", "CONTENT_FILTERED"),
        Trap("a success without an image", "gemini/edit", "IMAGE_SAFETY"),
        Trap("an error beside the date of its success", "azure-openai/answers", "contentFilter"),
        Trap("a code that is 200 for success", "bizyair/errors", "worker lost"),
        Trap("an error that is text", "siliconflow/answers", "Invalid token"),
        Trap("an error that is a list", "openai/answers", "try later"),
        Trap("an error that is a page", "openai/answers", "502 Bad Gateway"),
        Trap("an error that is nothing", "bizyair/errors", "with nothing in it"),
        Trap("half an answer", "openai/answers", "text that is not JSON"),
        Trap("three shapes of error at one host", "seaart/queue", "40201"),
        Trap("codes that are numbers as text", "zhipu/generation", "1301"),
        Trap("`errors` instead of `error`", "modelscope/accepted-is-not-done", "Authentication failed"),
        Trap("content inspection that is a failed download", "dashscope/edit", "input_unreachable"),
        Trap("an empty account as a rate limit", "dashscope/edit", "PostpaidBillOverdue"),
        Trap("the request's id where the parameter should be", "modelverse/answers", "req-123"),
        Trap("a parameter that the provider blames", "openai/answers", #""parameter":"size""#),
        Trap("how long to wait, only in words", "replicate/prefer-wait", "1.0 seconds"),
        Trap("how long to wait, as a date", "bizyair/errors", "60.0 seconds"),
        Trap("a redirect of an order", "openai/answers", "HTTP 307"),
        // Keys.
        Trap("the key alone", "dmxapi/edit", #""Authorization":"test.key""#),
        Trap("another word before the key", "fal/queue", "Key test.key"),
        Trap("another header for the key", "azure-openai/edit", "api-key"),
        Trap("no key at all", "sd-server/queue", #""headers":{}"#),
        // Models.
        Trap(
            "a model in the path, with its slashes", "replicate/flux-schnell", "/models/black-forest-labs/flux-schnell/"
        ),
        Trap("a model in the path, with a blank", "azure-openai/model-in-the-path", "my%20deployment"),
        Trap("a page that changed within a month", "modelverse-2025-10/edit", #""steps":"dropped""#),
        Trap("a prompt that commands the server", "sd-server/generation", "/sdcpp/v1/img_gen"),
        Trap("a prompt that is cut at a sign", "localai/edit", #""negative_prompt":"dropped""#),
        // Queues.
        Trap("asked without the rest of the model's path", "fal/queue", "/fal-ai/flux/requests/"),
        Trap("asked at a relative address", "sd-server/queue", "http://127.0.0.1:1234/sdcpp/v1/jobs/job_1"),
        Trap("asked at another host of its own", "bfl/regional-host", "api.us1.bfl.ai"),
        Trap("asked at a stranger's host, the key along", "seaart/queue", "evil.example"),
        Trap("asked with a header of its own", "modelscope/accepted-is-not-done", "X-ModelScope-Task-Type"),
        Trap("HTTP 202 for what is not done", "fal/answers", #""status":202"#),
        Trap("accepted, in the word for done", "modelscope/accepted-is-not-done", "queued"),
        Trap("a word that nobody has heard of", "seaart/queue", "DREAMING"),
        Trap("forgotten a day later", "dashscope-async/queue", "UNKNOWN"),
        Trap("states with blanks", "bfl/errors", "Content Moderated"),
        Trap("cancelled too late", "fal/answers", "already finished"),
    ])
    func `a provider's trap is avoided, as a fixture shows`(trap: Trap) throws {
        let fixture = try #require(Fixture.all.first { $0.name == trap.fixture }, "there is no \(trap.fixture)")
        #expect(fixture.json.text.contains(trap.sign), "\(trap.fixture) does not show it any more")
    }

    @Test(arguments: [
        ("openai", "gpt-image-1", MaskPolarity.transparent), ("stability", "inpaint", .white), ("fal", "x", .white),
        ("bfl", "flux-pro-1.0-fill", .white), ("sd-server", "x", .white), ("vllm-omni", "x", .white),
    ])
    func `a mask marks what may change in the provider's way`(name: String, model: String, polarity: MaskPolarity)
        throws
    {
        let dialect = try #require(try BuiltinDialects.catalog()[name])
        #expect(dialect.intake(for: .edit, model: model).maskPolarity == polarity)
    }

    @Test(arguments: [
        ("dmxapi", "qwen-image-edit", 3_999_000, ["image/jpeg", "image/png"]),
        ("seaart", "x", 10_000_000, ["image/bmp", "image/gif", "image/jpeg", "image/png", "image/tiff", "image/webp"]),
        ("openai", "dall-e-2", 4_000_000, ["image/png"]),
    ])
    func `an input image must be as the provider's page says`(
        name: String, model: String, bytes: Int, types: [String]
    ) throws {
        let dialect = try #require(try BuiltinDialects.catalog()[name])
        let bounds = dialect.intake(for: .edit, model: model).bounds
        #expect(bounds.bytes == bytes)
        #expect(bounds.mediaTypes.sorted() == types)
    }

    @Test(arguments: [
        ("dmxapi", "qwen-image-edit", 1000), ("dashscope", "qwen-image", 800), ("minimax", "image-01", 1500),
    ])
    func `a prompt that the provider would cut in silence is refused`(name: String, model: String, limit: Int) throws {
        let dialect = try #require(try BuiltinDialects.catalog()[name])
        let operation: ImageOrder.Operation = dialect.operations(of: model).contains(.generate) ? .generate : .edit
        var order = ImageOrder(operation: operation, model: "m", prompt: String(repeating: "帽", count: limit))
        if operation == .edit {
            order.images = [.file(ImageFile(path: "a", length: 1, mediaType: "image/png", width: 1, height: 1))]
        }
        let endpoint = ProviderEndpoint(baseURL: "https://h", apiKey: Secret("k"), model: model)
        let planner = Planner(dialect, at: endpoint)
        #expect(throws: Never.self) { try planner.plan(for: order, strict: true, identifier: "b") }
        order.prompt += "帽"
        let refusal = #expect(throws: OrderRefusal.self) {
            try planner.plan(for: order, strict: false, identifier: "b")
        }
        #expect(refusal?.parameter == "prompt")
    }

    /// A trap in a few words, the fixture that shows the way around it, and what it looks like there.
    struct Trap: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let fixture: String
        let sign: String

        init(_ description: String, _ fixture: String, _ sign: String) {
            testDescription = description
            self.fixture = fixture
            self.sign = sign
        }
    }
}
