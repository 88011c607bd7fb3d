import HTTP
import JSON
import Testing

@testable import Easel

struct OrderReaderTests {
    private func reader(_ members: (String, JSONValue)...) -> OrderReader {
        OrderReader(RequestValues(entries: members.map { ($0.0, .json($0.1)) }))
    }

    private func form(_ members: (String, String)...) -> OrderReader {
        OrderReader(RequestValues(entries: members.map { ($0.0, .text($0.1)) }))
    }

    @Test func `null is absent`() throws {
        let order = try reader(("prompt", "otter"), ("n", nil), ("size", nil), ("seed", nil)).order(
            .generate, model: "m")
        #expect(order == ImageOrder(operation: .generate, model: "m", prompt: "otter"))
    }

    @Test func `a form spells out numbers and booleans`() throws {
        let order = try form(("prompt", "otter"), ("n", "2"), ("watermark", "false"), ("strength", "0.5"), ("seed", ""))
            .order(.edit, model: "m")
        #expect(order.count == 2)
        #expect(order.parameters == [.watermark: false, .strength: 0.5])
    }

    @Test(arguments: [
        ("1024x1536", Size.pixels(width: 1024, height: 1536)), ("16:9", .aspect(width: 16, height: 9)),
        ("2K", .level("2K")), ("auto", .auto), ("512*512", .pixels(width: 512, height: 512)),
        ("8X9", .pixels(width: 8, height: 9)), ("8×9", .pixels(width: 8, height: 9)),
    ])
    func `a size is read in every spelling`(text: String, size: Size) throws {
        #expect(try reader(("prompt", "p"), ("size", .string(text))).order(.generate, model: "m").size == size)
    }

    @Test func `width and height make a size`() throws {
        let order = try reader(("prompt", "p"), ("width", 640), ("height", 480)).order(.generate, model: "m")
        #expect(order.size == .pixels(width: 640, height: 480))
    }

    @Test func `only a client that streams wants partial images`() throws {
        let streamed = try reader(("prompt", "p"), ("stream", true), ("partial_images", 2)).order(.generate, model: "m")
        #expect(streamed.isStreamed)
        #expect(streamed.parameters == [.partialImages: 2])
        let form = try form(("prompt", "p"), ("stream", "true"), ("partial_images", "3")).order(.edit, model: "m")
        #expect(form.isStreamed)
        #expect(form.parameters == [.partialImages: 3])
        let unseen = try reader(("prompt", "p"), ("stream", false), ("partial_images", 2)).order(.generate, model: "m")
        #expect(unseen == ImageOrder(operation: .generate, model: "m", prompt: "p"))
        let none = try reader(("prompt", "p"), ("stream", true), ("partial_images", 0)).order(.generate, model: "m")
        #expect(none.isStreamed)
        #expect(none.parameters.isEmpty)
    }

    @Test func `only one image can be streamed`() {
        #expect {
            _ = try reader(("prompt", "p"), ("stream", true), ("n", 2)).order(.generate, model: "m")
        } throws: { error in
            guard let error = error as? GatewayError else { return false }
            return error.message == "Streaming is only supported with n=1." && error.code == "unsupported_parameter"
                && error.status == .badRequest
        }
    }

    @Test func `synonyms mean the same`() throws {
        let order = try reader(("prompt", "p"), ("num_inference_steps", 30), ("true_cfg_scale", 4), ("batch_size", 3))
            .order(.generate, model: "m")
        #expect(order.parameters == [.steps: 30, .cfg: 4.0])
        #expect(order.count == 3)
    }

    @Test func `a seed of -1 means random, and a large one keeps every digit`() throws {
        #expect(try reader(("prompt", "p"), ("seed", -1)).order(.generate, model: "m").parameters.isEmpty)
        let seed: Int64 = 9_007_199_254_740_993
        let order = try reader(("prompt", "p"), ("seed", .integer(seed))).order(.generate, model: "m")
        #expect(order.parameters[.seed] == .integer(seed))
    }

    @Test(arguments: [
        ("n", JSONValue.integer(0), "integer_below_min_value"), ("n", 11, "integer_above_max_value"),
        ("n", "2", "invalid_type"), ("n", 1.5, "invalid_type"), ("prompt", 5, "invalid_type"),
        ("size", "huge", "invalid_value"),
        ("size", "0x0", "invalid_value"), ("size", "99999x1", "invalid_value"), ("seed", -2, "invalid_value"),
        ("strength", "high", "invalid_type"), ("strength", 1.5, "invalid_value"), ("watermark", "yes", "invalid_type"),
        ("output_format", "exe", "invalid_value"), ("background", "blue", "invalid_value"),
        ("output_compression", 101, "invalid_value"), ("steps", 0, "invalid_value"),
        ("stream", "true", "invalid_type"), ("partial_images", 4, "invalid_value"),
        ("partial_images", -1, "invalid_value"),
    ])
    func `a value outside every bound is a 400 that names it`(name: String, value: JSONValue, code: String) {
        let values = RequestValues(entries: [("prompt", .json("p")), (name, .json(value))])
        let error = #expect(throws: GatewayError.self) { try OrderReader(values).order(.generate, model: "m") }
        #expect(error?.status == .badRequest)
        #expect(error?.parameter == name)
        #expect(error?.code == code)
    }

    @Test func `a missing prompt is named`() {
        let error = #expect(throws: GatewayError.self) { try reader(("n", 1)).order(.generate, model: "m") }
        #expect(error == .missing("prompt"))
    }

    @Test func `a prompt is measured in characters, not bytes`() throws {
        let longest = String(repeating: "图", count: OrderReader.promptLimit)
        #expect(try reader(("prompt", .string(longest))).order(.generate, model: "m").prompt == longest)
        #expect(throws: GatewayError.self) {
            try reader(("prompt", .string(longest + "图"))).order(.generate, model: "m")
        }
    }

    @Test func `names that mean nothing are listed once, in order`() {
        let reader = reader(
            ("prompt", "p"), ("zebra", 1), ("image", "x"), ("svg", nil), ("user", "u"), ("zebra", 2), ("apple", 1))
        #expect(reader.unknownNames == ["zebra", "apple"])
    }

    @Test(arguments: [
        (nil as String?, "dall-e-3" as String?, Submission.Delivery.url), (nil, "gpt-image-1", .base64),
        (nil, nil, .base64),
        ("url", "gpt-image-1", .url), ("b64_json", "dall-e-2", .base64),
    ])
    func `the form of the answer is the client's word, or what its model's name implies`(
        asked: String?, model: String?, delivery: Submission.Delivery
    ) throws {
        #expect(try Submission.Delivery(asked: asked, model: model) == delivery)
    }
}
