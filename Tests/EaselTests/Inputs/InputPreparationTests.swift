import Files
import HTTP
import HTTPClient
import Imaging
import LibEvent
import Support
import Testing

@testable import Easel

@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct InputPreparationTests {
    @Test @EventLoop func `an image that fits is sent untouched, and nothing is said of it`() async throws {
        let bench = try Bench()
        let image = try bench.image(.png)
        let preparation = bench.preparation([image])
        let prepared = try await preparation.order(for: bench.recipient())
        #expect(prepared.order.images == [.file(image)])
        #expect(prepared.report.isEmpty)
    }

    @Test @EventLoop func `an image in a format that is not listed is re-encoded`() async throws {
        let bench = try Bench()
        let preparation = try bench.preparation([bench.image(.gif)])
        let prepared = try await preparation.order(for: bench.recipient(types: ["image/jpeg", "image/png"]))
        let file = try #require(prepared.order.images[0].file)
        #expect(file.mediaType == "image/png")
        let header = try ImageHeader.read(fileAt: file.path)
        #expect(header.format == .png)
        #expect(header.size == PixelSize(width: file.width, height: file.height))
        #expect(prepared.report.map(\.outcome) == [.mapped])
    }

    @Test(arguments: [
        ImageBounds(side: 1...60), ImageBounds(pixels: 2000), ImageBounds(bytes: 3000),
    ])
    @EventLoop func `an image over a bound is scaled down until it fits`(bounds: ImageBounds) async throws {
        let bench = try Bench()
        let preparation = try bench.preparation([bench.image(.png, width: 120, height: 80)])
        let prepared = try await preparation.order(for: bench.recipient(bounds))
        let file = try #require(prepared.order.images[0].file)
        #expect(bounds.exceeded(by: file).isEmpty)
        #expect(file.width < 120)
        #expect(abs(Double(file.width) / Double(file.height) - 1.5) < 0.1)
        #expect(try readFile(file.path, limit: 1 << 20).count == file.length)
        #expect(prepared.report.map(\.outcome) == [.clamped])
    }

    @Test @EventLoop func `strict, an image over a bound is refused by name, before any work`() async throws {
        let bench = try Bench()
        let preparation = try bench.preparation([bench.image(.png, width: 120, height: 80)], isStrict: true)
        let error = try await #require(throws: GatewayError.self) {
            _ = try await preparation.order(for: bench.recipient(ImageBounds(side: 1...60)))
        }
        #expect(error.status == .badRequest)
        #expect(error.parameter == "images[0].image_url")
        #expect(error.message.contains("'test'") && error.message.contains("sides up to 60"))
        #expect(try bench.spooledFiles() == 1)
    }

    @Test @EventLoop func `strict, another format is no reason to refuse`() async throws {
        let bench = try Bench()
        let preparation = try bench.preparation([bench.image(.gif)], isStrict: true)
        let prepared = try await preparation.order(for: bench.recipient(types: ["image/png"]))
        #expect(prepared.report.map(\.outcome) == [.mapped])
    }

    @Test @EventLoop func `routes with the same need share one conversion`() async throws {
        let bench = try Bench()
        let preparation = try bench.preparation([bench.image(.gif)])
        let first = try await preparation.order(for: bench.recipient(types: ["image/png"]))
        let second = try await preparation.order(for: bench.recipient(types: ["image/png"]))
        let third = try await preparation.order(for: bench.recipient(types: ["image/jpeg"]))
        #expect(first.order.images == second.order.images)
        #expect(first.order.images != third.order.images)
        #expect(try bench.spooledFiles() == 3)
    }

    @Test(arguments: [MaskPolarity.white, .black])
    @EventLoop func `a mask becomes what the provider marks with, in the size of its image`(
        polarity: MaskPolarity
    ) async throws {
        let bench = try Bench()
        let preparation = try bench.preparation(
            [bench.image(.png, width: 120, height: 80)], mask: bench.image(.png, width: 120, height: 80, isClear: true))
        let prepared = try await preparation.order(
            for: bench.recipient(ImageBounds(side: 1...60), maskPolarity: polarity))
        let mask = try #require(prepared.order.mask?.file)
        #expect(mask.mediaType == "image/png")
        #expect([mask.width, mask.height] == [60, 40])
        #expect(try readFile(mask.path, limit: 1 << 20)[25] == 0, "the mask has colours")
        #expect(prepared.report.map(\.parameter) == ["image", "mask"])
    }

    @Test @EventLoop func `a mask of another size than its image is refused`() async throws {
        let bench = try Bench()
        let preparation = try bench.preparation(
            [bench.image(.png)], mask: bench.image(.png, width: 20, height: 20, isClear: true))
        let error = try await #require(throws: GatewayError.self) {
            _ = try await preparation.order(for: bench.recipient())
        }
        #expect(error.status == .badRequest)
        #expect(error.parameter == "mask")
    }

    @Test @EventLoop func `a provider of URLs alone gets one, until the job ends`() async throws {
        let bench = try Bench()
        let image = try bench.image(.png)
        let preparation = bench.preparation([image])
        let recipient = bench.recipient(forms: [.url])
        let prepared = try await preparation.order(for: recipient)
        guard case .url(let url) = prepared.order.images[0] else {
            Issue.record("the image is no address")
            return
        }
        let name = try #require(url.split(separator: "/").last)
        let token = String(name.dropLast(".png".count))
        #expect(bench.published[token, "png"] == image)
        #expect(try await preparation.order(for: recipient).order.images == prepared.order.images)
        #expect(prepared.report.isEmpty)
        preparation.end()
        #expect(bench.published[token, "png"] == nil)
    }

    @Test @EventLoop func `an address stays one where the provider takes addresses`() async throws {
        let bench = try Bench()
        let preparation = bench.preparation(inputs: [.url("https://example.com/a.png?sig=%2F")])
        for forms: Set<ImageForm> in [[.url], [.url, .dataURI]] {
            let prepared = try await preparation.order(for: bench.recipient(forms: forms))
            #expect(prepared.order.images == [.url("https://example.com/a.png?sig=%2F")])
        }
    }

    @Test @EventLoop func `the files of a job vanish with it`() async throws {
        let bench = try Bench()
        let preparation = try bench.preparation([bench.image(.gif)])
        _ = try await preparation.order(for: bench.recipient(types: ["image/png"]))
        #expect(try bench.spooledFiles() == 2)
        preparation.end()
        #expect(try bench.spooledFiles() == 1, "the client's own file belongs to the submission")
    }
}

/// A spool in a folder of its own, and images in it.
@EventLoop
private final class Bench {
    let published = PublishedInputs(publicURL: "http://127.0.0.1:8080")
    private let folder = TemporaryFolder()
    private let spool: Spool
    private var files: [SpooledFile] = []

    init() throws {
        spool = try Spool(folder: folder.path)
    }

    /// A real image of that format among the spooled files; with `isClear`, partly transparent.
    func image(
        _ format: ImageFormat, width: Int = 48, height: Int = 32, isClear: Bool = false
    ) throws -> ImageFile {
        let drawing = try spool.temporaryFile()
        try Imaging.Renderer().render(
            prompt: "", seed: 1, size: PixelSize(width: width, height: height), isTransparent: isClear,
            as: Encoding(format: format), to: drawing.path)
        let file = try spool.copy(of: drawing.path, limit: 1 << 20)
        files.append(file)
        return try #require(file.image)
    }

    func spooledFiles() throws -> Int { try folder.names().count }

    func preparation(
        _ images: [ImageFile] = [], inputs: [ImageInput] = [], mask: ImageFile? = nil, isStrict: Bool = false
    ) -> InputPreparation {
        var order = ImageOrder(operation: .edit, model: "picture", prompt: "an otter")
        order.images = inputs + images.map { .file($0) }
        order.mask = mask.map { .file($0) }
        let submission = Submission(
            order: order, delivery: .url, isStrict: isStrict, unknownNames: [],
            imageNames: order.images.indices.map { "images[\($0)].image_url" }, files: files, requestLength: 0)
        let client = HTTPClient(addresses: .publicOnly(except: []))
        return InputPreparation(
            for: submission,
            Inputs(
                spool: spool, fetcher: Fetcher(client: client, spool: spool, lengthLimit: 1 << 20),
                check: ImageCheck(pixelLimit: 1_000_000), published: published, lengthLimit: 1 << 20))
    }

    func recipient(
        _ bounds: ImageBounds = ImageBounds(), types: Set<String> = [], forms: Set<ImageForm> = [.file],
        maskPolarity: MaskPolarity = .transparent
    ) -> ImageRecipient {
        var bounds = bounds
        bounds.mediaTypes.formUnion(types)
        return ImageRecipient(
            name: "test", baseURL: "http://127.0.0.1:9000/v1",
            intake: ImageIntake(
                forms: forms, maskForms: forms, count: 1...3, bounds: bounds, maskPolarity: maskPolarity))
    }
}
