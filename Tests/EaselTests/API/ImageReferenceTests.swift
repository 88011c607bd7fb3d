import JSON
import Testing

@testable import Easel

struct ImageReferenceTests {
    private func texts(_ entries: [(name: String, value: RequestValues.Value)]) throws -> [String] {
        try ImageReference.all(in: RequestValues(entries: entries)).images.map { reference in
            if case .text(let text) = reference.source { "\(reference.parameter)=\(text)" } else { "file" }
        }
    }

    @Test(arguments: ["image", "image[]", "image[0]", "images", "images[]", "image_url", "image_urls", "input_image"])
    func `a form's image is found under every name`(name: String) throws {
        #expect(try texts([(name, .text("u"))]) == ["\(name)=u"])
    }

    @Test func `images keep their order of appearance, whatever they are called`() throws {
        #expect(
            try texts([
                ("image[]", .text("a")), ("prompt", .text("p")), ("image[1]", .text("b")), ("image", .text("c")),
            ])
                == ["image[]=a", "image[1]=b", "image=c"])
    }

    @Test func `JSON lists objects, texts, or objects in objects`() throws {
        let value: JSONValue = [["image_url": "a"], "b", ["image_url": ["url": "c"]], nil, ""]
        #expect(
            try texts([("images", .json(value))])
                == ["images[0].image_url=a", "images[1]=b", "images[2].image_url.image_url=c"])
    }

    @Test func `a stored file's id is refused by name`() {
        let error = #expect(throws: GatewayError.self) { try texts([("images", .json([["file_id": "file-1"]]))]) }
        #expect(error?.parameter == "images[0].file_id")
    }

    @Test func `a number is no image`() {
        let error = #expect(throws: GatewayError.self) { try texts([("image", .json(5))]) }
        #expect(error?.code == "invalid_type")
    }

    @Test(
        arguments: [["image_url": [nil]], ["image_url": nil], ["image_url": ""], ["url": []], [:], [nil]] as [JSONValue]
    )
    func `a reference without one address is refused, and not taken for none`(reference: JSONValue) throws {
        let values = RequestValues(entries: [("image", .text("u")), ("mask", .json(reference))])
        #expect(throws: GatewayError.self) { try ImageReference.all(in: values) }
    }

    @Test func `the first mask is the mask`() throws {
        let found = try ImageReference.all(
            in: RequestValues(entries: [("mask", .text("m")), ("mask[]", .text("n")), ("imagery", .text("x"))]))
        #expect(found.images.isEmpty)
        #expect(found.mask?.parameter == "mask")
    }
}
