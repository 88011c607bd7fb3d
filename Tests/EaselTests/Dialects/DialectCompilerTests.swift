import Testing
import YAML

@testable import Easel

struct DialectCompilerTests {
    @Test(arguments: [
        // The whole.
        Flaw("just text", "1:1: 'test' must be a mapping"),
        Flaw(whole("colour: red"), "unknown key 'colour' in 'test'; known are title, page"),
        Flaw(whole("tittle: T"), "2:1: unknown key 'tittle' in 'test', did you mean 'title'?"),
        Flaw(
            "title: T",
            "must say where its answer has the images", "must say how requests are authorized", "must say what it sends"
        ),
        Flaw(
            whole("base_url: api.example.com"),
            "'base_url' is 'api.example.com'; write it like https://api.example.com/v1"),
        Flaw(whole("expires: a week"), "'expires' is 'a week'; write it like 24h or 7d"),
        Flaw(whole("renderer: photoshop"), "'renderer' is 'photoshop'; write it like sandbox"),
        Flaw(whole("stream: {end: done}"), "2:9: 'stream' must say what the request has in addition"),
        Flaw(whole("stream: {ask: {stream: true}}"), "'stream' must say which event is the last"),
        Flaw(whole("stream: {ask: {stream: true}, end: done, index: n}"), "'partial' is missing"),
        Flaw(whole("stream: {ask: true, end: done}"), "'ask' must be a mapping of what is added to the request's"),
        Flaw(whole("stream: {ask: {x: $partial_image}, end: done}"), "did you mean '$partial_images'?"),
        Flaw(whole("stream: {ask: {stream: true}, end: done, ende: x}"), "unknown key 'ende' in 'stream'"),
        Flaw(whole("stream: done"), "'stream' must be a mapping of ask, partial"),
        // Placeholders and templates.
        Flaw(json("x: $promt"), "unknown placeholder '$promt', did you mean '$prompt'?"),
        Flaw(json("x: ${promt}"), "unknown placeholder '$promt', did you mean '$prompt'?"),
        Flaw(json("x: $colour"), "unknown placeholder '$colour'; known are $model, $prompt"),
        Flaw(json("x: costs $5"), "'$' inside the text 'costs $5': write ${name} for a value, $$ for a dollar sign"),
        Flaw(json("x: a ${prompt"), "has no '}'"),
        Flaw(json("x: $image"), "must say in which form, one of .file, .data_uri"),
        Flaw(json("x: $image.data_url"), "did you mean '.data_uri'?"),
        Flaw(json("x: $images.url"), "$images stands for several; put it into a list"),
        Flaw(json("x: $images[99].url"), "needs an index from 0 to 15"),
        Flaw(json("x: $image.file"), "a file fits only into 'multipart'"),
        Flaw(json("x: $size(*)"), "a separator is written like $size(\"*\")"),
        Flaw(json("x: $prompt.upper"), "'.upper' cannot follow '$prompt'"),
        Flaw(json("x: $api_key"), "the placeholder in '$api_key' has no value here"),
        Flaw(json("x: $task"), "the placeholder in '$task' has no value here"),
        Flaw(
            request("{POST: /x, multipart: {prompt: $prompt, image: $image.base64}}"),
            "in 'multipart' an image is a .file or a .url"),
        Flaw(
            request("{POST: /x, multipart: {prompt: $prompt, image: [$image.file]}}"),
            "must be text, a number or a file"),
        // Requests.
        Flaw(request("{json: {prompt: $prompt}}"), "'request' needs one method with its path"),
        Flaw(request("{POST: /x, PUT: /y, json: {prompt: $prompt}}"), "'request' needs one method with its path"),
        Flaw(request("{POST: x, json: {prompt: $prompt}}"), "the path must begin with '/'"),
        Flaw(request("{POST: $paths.draw, json: {prompt: $prompt}}"), "there are $paths.generate and $paths.edit"),
        Flaw(request("{POST: /x, json: {p: $prompt}, multipart: {p: $prompt}}"), "either 'json' or 'multipart'"),
        Flaw(request("{POST: /x, json: [$prompt]}"), "'json' must be a mapping"),
        Flaw(request("{POST: /x, json: {p: text}}"), "the request has no $prompt"),
        Flaw(request("{POST: /x, headers: {'a b': c}, json: {p: $prompt}}"), "'a b' is no header name"),
        Flaw(whole("operations: [generate, vary]"), "'vary' is no operation; there are generate and edit"),
        Flaw(whole("operations: [edit]"), "the request for 'edit' has no $image and no $images"),
        Flaw(
            whole("requests: {generate: {POST: /x, json: {p: $prompt}}}"),
            "either one 'request' for everything, or 'requests'"),
        // Bounds.
        Flaw(limits("n: 4..1"), "the bounds 4..1 of 'n' contradict themselves"),
        Flaw(limits("n: [1, 2]"), "'n' must be a range like 1..4"),
        Flaw(limits("steps: '1..50, default 99'"), "the default 99 of 'steps' is outside its bounds 1..50"),
        Flaw(limits("steps: fifty"), "'fifty' cannot be read as a bound of 'steps'"),
        Flaw(limits("steps: []"), "'steps' has no value at all"),
        Flaw(limits("stepps: 1..2"), "unknown key 'stepps' in 'limits', did you mean 'steps'?"),
        Flaw(limits("cfg: 0.1..20"), "'cfg' is in 'limits', but no request sends $cfg"),
        Flaw(limits("size: [1024*1024]"), "'1024*1024' cannot be read here; write it like 1024x1024"),
        Flaw(limits("size: {side: 500..510, step: 16}"), "no multiple of 16 is within 'side' 500..510"),
        Flaw(
            limits("size: {side: 512..1024, area: 2048x2048..4096x4096}"),
            "contradict each other: no size is within both"),
        Flaw(limits("size: {side: 2048..512}"), "'side' is '2048..512'; write it like 512..2048"),
        Flaw(limits("size: {ratio: 0..3}"), "'ratio' is '0..3'; write it like 1:3..3:1"),
        Flaw(limits("size: {ratio: nan..inf}"), "'ratio' is 'nan..inf'; write it like 1:3..3:1"),
        Flaw(limits("size: {area: 0..5}"), "'area' is '0..5'; write it like 512x512..2048x2048"),
        Flaw(limits("size: {side: 1..9223372036854775807}"), "'side' is '1..9223372036854775807'"),
        Flaw(limits("size: {aspects: [wide]}"), "'wide' cannot be read here; write it like 16:9"),
        Flaw(limits("prompt: long"), "'prompt' is 'long'; write it like 1000 characters"),
        Flaw(limits("images: 3", json: "a: $image.url"), "'images' allows 3, but the request has room for 1"),
        Flaw(limits("images: 3..1", json: "a: [$images.url]"), "'images' is '3..1'; write it like 1 or 1..3"),
        Flaw(limits("image: {formats: [psd]}", json: "a: $image.url"), "'psd' is no image format"),
        Flaw(limits("mask: grey", json: "m: $mask.url"), "'mask' is 'grey'; write it like transparent, white or black"),
        Flaw(whole("fill_in: {steps: 20}"), "'steps' is in 'fill_in', but no request sends $steps"),
        Flaw(
            limits("seed: 1..5}\nfill_in: {seed: 9", json: "seed: $seed"),
            "'seed' fills in 9, which is outside its own limits"),
        Flaw(limits("size: [10x10]}\nfill_in: {size: 20x20"), "'size' fills in 20x20, which is outside its own limits"),
        // Answers.
        Flaw(answer("{images: data..x, url: url}"), "the path 'data..x' leads into nothing"),
        Flaw(answer("{images: 'data[', url: url}"), "the path 'data[' has a bracket without its pair"),
        Flaw(answer("{images: 'data[x]', url: url}"), "'[x]' in the path 'data[x]' is no index"),
        Flaw(answer("{images: 'data[]'}"), "'images' needs 'url' or 'b64'"),
        Flaw(answer("{url: url}"), "looked up in each of 'images', which is missing"),
        Flaw(answer("{images: data, url: $header.}"), "'$header.' names no header"),
        Flaw(whole("failures: {content: [x]}"), "unknown key 'content' in 'failures'"),
        Flaw(whole("failures: {billing: [HTTP 42]}"), "'HTTP 42' is no status; write it like HTTP 402"),
        Flaw(whole("failures: {billing: [x], timeout: [x]}"), "this is listed under 'billing' already"),
        // Queues.
        Flaw(whole("queue: {task: id}"), "'queue' must say how to ask for the job's state"),
        Flaw(
            whole("queue: {status: {GET: /x, state: s, done: [d]}}"),
            "'queue' must say where the answer has the job's id"),
        Flaw(
            whole("queue: {task: id, status: {GET: /x}}"),
            "must say where the state is", "must say which state is the end"),
        Flaw(
            whole("queue: {task: id, status: {GET: /x, state: s, done: [A], failed: [a]}}"),
            "the state 'a' is listed under 'done' already"),
        Flaw(
            whole("queue: {task: id, every: 1h, status: {GET: /x, state: s, done: [d]}}"),
            "'every' must be more than 0s and at most 60s"),
        Flaw(
            whole("queue: {task: id, status: {GET: $answer.url, state: s, done: [d]}}"),
            "the last address must be a path"),
        Flaw(
            whole("queue: {task: id, status: {GET: [\"${answer.url}/x\", /x], state: s, done: [d]}}"),
            "can only be the whole address"),
        Flaw(whole("queue: {task: id, status: {GET: \"/${prompt}\", state: s, done: [d]}}"), "has no value here"),
        // Models.
        Flaw(whole("models: [a]"), "'models' must be a mapping of model names"),
        Flaw(whole("models: {a: {auth: none}}"), "unknown key 'auth' in 'models.a'"),
        Flaw(whole("models: {a: {limits: {cfg: 1..2}}}"), "'cfg' is in 'limits', but no request sends $cfg"),
    ])
    func `a mistake is refused with its place and a sentence`(flaw: Flaw) throws {
        let result = DialectCompiler.compile(text: Array(flaw.text.utf8), name: "test", file: "test.yaml")
        guard case .failure(let mistakes) = result else {
            Issue.record("this compiles:\n\(flaw.text)")
            return
        }
        let messages = mistakes.all.map(\.description)
        for expected in flaw.messages {
            #expect(messages.contains { $0.contains(expected) }, "\(messages)")
        }
        #expect(messages.allSatisfy { $0.hasPrefix("test.yaml:") })
    }

    @Test func `all mistakes of a file are reported at once, each at its own place`() throws {
        let text = """
            title: T
            auth: none
            operations: [generate]
            request:
              POST: images
              json: {prompt: $promtp, n: $n}
            limits:
              n: 4..1
            answer:
              images: data[]
            """
        let result = DialectCompiler.compile(text: Array(text.utf8), name: "test", file: "dialects/test.yaml")
        guard case .failure(let mistakes) = result else {
            Issue.record("this compiles")
            return
        }
        #expect(
            mistakes.all.map(\.description) == [
                "dialects/test.yaml:5:3: the request has no $prompt",
                "dialects/test.yaml:5:9: the path must begin with '/': it follows the base_url",
                "dialects/test.yaml:6:18: unknown placeholder '$promtp', did you mean '$prompt'?",
                "dialects/test.yaml:8:6: the bounds 4..1 of 'n' contradict themselves",
                "dialects/test.yaml:10:11: 'images' needs 'url' or 'b64': where in each of them the image is, '.' for all of it",
            ])
    }

    @Test func `the binary holds every file of config-dialects, and all of them compile`() throws {
        let folder = "\(Fixture.package)/config/dialects"
        let names = try Fixture.names(in: folder).map { String($0.dropLast(".yaml".count)) }.sorted()
        #expect(BuiltinDialects.files.map(\.name) == names)
        for file in BuiltinDialects.files { #expect(try Fixture.contents("\(folder)/\(file.name).yaml") == file.text) }
        #expect(try BuiltinDialects.catalog().names == BuiltinDialects.files.map(\.name))
    }

    @Test func `every dialect comes with examples`() throws {
        #expect(try Fixture.names(in: Fixture.root) == BuiltinDialects.files.map(\.name))
    }

    @Test func `a model is spoken to by the first rule that fits its name`() throws {
        let dialect = try #require(try BuiltinDialects.catalog()["openai"])
        #expect(dialect.operations(of: "dall-e-3") == [.generate])
        #expect(dialect.operations(of: "gpt-image-1.5") == [.generate, .edit])
        #expect(dialect.variant(for: "gpt-image-2").limits.size.step == 16)
        #expect(dialect.variant(for: "flux-dev").limits.size == SizeRule())
    }

    /// A text and what must be said about it.
    struct Flaw: Sendable, CustomTestStringConvertible {
        let text: String
        let messages: [String]

        init(_ text: String, _ messages: String...) {
            self.text = text
            self.messages = messages
        }

        var testDescription: String { messages.first ?? text }
    }

    /// A dialect that is right, with one thing added.
    private static func whole(_ addition: String) -> String {
        "auth: none\n\(addition)\nrequest: {POST: /x, json: {prompt: $prompt}}\nanswer: {images: 'data[]', url: url}\n"
            + (addition.contains("operations") ? "" : "operations: [generate]\n")
    }

    private static func request(_ request: String) -> String {
        "auth: none\noperations: [generate]\nrequest: \(request)\nanswer: {images: 'data[]', url: url}"
    }

    private static func json(_ member: String) -> String {
        "auth: none\noperations: [generate]\nrequest:\n  POST: /x\n  json:\n    prompt: $prompt\n    \(member)\n"
            + "answer: {images: 'data[]', url: url}"
    }

    private static func limits(_ limits: String, json: String = "x: text") -> String {
        """
        auth: none
        request:
          POST: /x
          json:
            prompt: $prompt
            image: $image.url
            n: $n
            steps: $steps
            size: $size
            \(json)
        limits: {\(limits)}
        answer: {images: 'data[]', url: url}
        """
    }

    private static func answer(_ answer: String) -> String {
        "auth: none\noperations: [generate]\nrequest: {POST: /x, json: {prompt: $prompt}}\nanswer: \(answer)"
    }
}
