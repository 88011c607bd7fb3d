import Testing

@testable import Imaging

@Suite(.timeLimit(.minutes(2)))
struct RendererTests {
    private let workspace = Workspace()
    private let png = Encoding(format: .png)

    private func render(
        _ prompt: String, seed: Int64 = 1, width: Int = 160, height: Int = 120, as encoding: Encoding? = nil,
        isTransparent: Bool = false
    ) throws -> [UInt8] {
        let size = PixelSize(width: width, height: height)
        let path = workspace.path("out")
        try Renderer().render(
            prompt: prompt, seed: seed, size: size, isTransparent: isTransparent, as: encoding ?? png, to: path)
        return workspace.read("out")
    }

    private func pixels(_ path: String) throws -> [UInt8] {
        try Image(path: path, pixelLimit: 1_000_000).pixels()
    }

    @Test(
        arguments: [ImageFormat.png, .jpeg, .webp],
        [PixelSize(width: 320, height: 200), PixelSize(width: 1, height: 1)])
    func `a picture has the format and the size asked for`(format: ImageFormat, size: PixelSize) throws {
        let bytes = try render("a fox", width: size.width, height: size.height, as: Encoding(format: format))
        let header = try #require(ImageHeader.probe(bytes.span).header)
        #expect(header.format == format)
        #expect(header.size == size)
        let isComplete = header.isComplete(tail: bytes.span, length: bytes.count)
        #expect(isComplete)
    }

    @Test func `the same order gives the same bytes, on any thread`() async throws {
        let expected = try render("a fox in the snow", seed: 7)
        let files = (0..<6).map { workspace.path("\($0)") }
        await withTaskGroup { group in
            for file in files {
                group.addTask {
                    let size = PixelSize(width: 160, height: 120)
                    try? Renderer().render(
                        prompt: "a fox in the snow", seed: 7, size: size, as: Encoding(format: .png), to: file)
                }
            }
        }
        for index in files.indices { #expect(workspace.read("\(index)") == expected) }
    }

    @Test func `seed and prompt change the picture`() throws {
        let pictures = try [
            render("a fox", seed: 1), render("a fox", seed: 2), render("a fix", seed: 1), render("a fox", seed: -1),
        ]
        #expect(Set(pictures).count == 4)
    }

    @Test(arguments: [
        "", " \n\t", "\0", "<b>&amp; \"quoted\" 'text' ]]> <!-- </span>", "一只猫坐在窗台上", "مرحبا بالعالم", "👩‍👩‍👧🏳️‍🌈 🎉",
        "a\0b\u{1}c\u{7F}", "\u{FFFE}\u{FFFF}\u{10FFFF}", "\u{202E}backwards\u{202C}", "\u{200B}", "\u{FEFF}",
        "e" + String(repeating: "\u{301}", count: 5000), String(repeating: "W", count: 32000),
        String(repeating: "字", count: 32000), String(repeating: "word ", count: 6400),
        String(repeating: "\u{301}", count: 9),
    ])
    func `any prompt can be drawn`(prompt: String) throws {
        #expect(try !render(prompt).isEmpty)
        #expect(try !render(prompt, width: 37, height: 512).isEmpty)
    }

    @Test func `a transparent picture has transparent corners and an opaque middle`() throws {
        _ = try render("", width: 100, height: 100, isTransparent: true)
        let bytes = try pixels(workspace.path("out"))
        #expect(bytes.count == 100 * 100 * 4)
        #expect(bytes[3] == 0)
        #expect(bytes[(70 * 100 + 50) * 4 + 3] == 255)
    }

    @Test func `a transparent picture as jpeg is on white`() throws {
        _ = try render("", width: 100, height: 100, as: Encoding(format: .jpeg), isTransparent: true)
        let bytes = try pixels(workspace.path("out"))
        #expect(bytes.prefix(3).allSatisfy { $0 > 250 })
    }

    @Test(arguments: [ImageFormat.jpeg, .webp])
    func `less quality makes fewer bytes, and any number is taken`(format: ImageFormat) throws {
        let sizes = try [-5, 20, 95, 1000].map { quality in
            try render("a fox", width: 400, height: 400, as: Encoding(format: format, quality: quality)).count
        }
        #expect(sizes[0] < sizes[1] && sizes[1] < sizes[2] && sizes[2] < sizes[3])
    }

    @Test(arguments: [(100_000, 100_000, ImagingError.Kind.tooLarge), (20_000, 10, .tooLarge), (0, 10, .badImage)])
    func `sizes beyond the limits are refused`(width: Int, height: Int, kind: ImagingError.Kind) throws {
        let error = try #require(throws: ImagingError.self) { try render("", width: width, height: height) }
        #expect(error.kind == kind)
        #expect(!workspace.exists("out"))
    }

    @Test func `a folder that is missing is the system's fault, and is not named`() throws {
        let error = try #require(throws: ImagingError.self) {
            let size = PixelSize(width: 10, height: 10)
            try Renderer().render(prompt: "", seed: 1, size: size, as: png, to: workspace.path("missing/out.png"))
        }
        #expect(error.kind == .system)
        #expect(!error.message.contains("easel-imaging"))
        #expect(error.message.contains("No such file"))
    }

    @Test(arguments: [ImageFormat.bmp, .avif, .heic])
    func `formats that are only read are refused`(format: ImageFormat) throws {
        let error = try #require(throws: ImagingError.self) { try render("", as: Encoding(format: format)) }
        #expect(error.kind == .unsupported)
    }
}

extension RendererTests {
    @Test(arguments: ImageFormat.written)
    func `an edit keeps the size and changes only the banner`(format: ImageFormat) throws {
        _ = try workspace.picture(format, width: 240, height: 160)
        let input = workspace.path("picture.\(format.fileExtension)")
        let size = try Renderer().edit([input], prompt: "more light", seed: 1, as: png, to: workspace.path("out"))
        #expect(size == PixelSize(width: 240, height: 160))
        let (before, after) = (try pixels(input), try pixels(workspace.path("out")))
        #expect(before.count == after.count)
        #expect(before.prefix(before.count / 2) == after.prefix(after.count / 2))
        #expect(before != after)
    }

    @Test func `an edit can ask for another size`() throws {
        _ = try workspace.picture(.jpeg, width: 240, height: 160)
        let wanted = PixelSize(width: 300, height: 400)
        try Renderer().edit(
            [workspace.path("picture.jpg"), "unused"], prompt: "", seed: 1, size: wanted, as: png,
            to: workspace.path("out"))
        #expect(try ImageHeader.read(fileAt: workspace.path("out")).size == wanted)
    }

    @Test(arguments: [ImageFormat.png, .jpeg, .webp])
    func `with a mask nothing but its transparent part changes`(format: ImageFormat) throws {
        _ = try workspace.picture(format, width: 240, height: 160)
        let input = workspace.path("picture.\(format.fileExtension)")
        let hole = Rectangle(left: 60, top: 40, width: 120, height: 90)
        try writeMask(width: 240, height: 160, hole: hole)
        try Renderer().edit(
            [input], mask: workspace.path("mask.png"), prompt: "a door", seed: 5, as: png, to: workspace.path("out"))

        let (before, after) = (try pixels(input), try pixels(workspace.path("out")))
        let bands = before.count / (240 * 160)
        var changed = (inside: 0, outside: 0)
        for index in 0..<240 * 160 {
            let range = index * bands..<(index + 1) * bands
            guard before[range] != after[range] else { continue }
            let isInside = (60..<180).contains(index % 240) && (40..<130).contains(index / 240)
            if isInside { changed.inside += 1 } else { changed.outside += 1 }
        }
        #expect(changed.outside == 0)
        #expect(changed.inside > 120 * 90 / 2)
    }

    @Test func `a mask without transparency changes nothing`() throws {
        _ = try workspace.picture(.png, width: 64, height: 64)
        try writeMask(width: 64, height: 64, hole: nil)
        let input = workspace.path("picture.png")
        try Renderer().edit(
            [input], mask: workspace.path("mask.png"), prompt: "a door", seed: 5, as: png, to: workspace.path("out"))
        #expect(try pixels(input) == pixels(workspace.path("out")))
    }

    @Test func `a mask that cannot be used is refused with a reason`() throws {
        _ = try workspace.picture(.png, width: 64, height: 64)
        let input = workspace.path("picture.png")
        let opaque = try #require(throws: ImagingError.self) {
            try Renderer().edit([input], mask: input, prompt: "", seed: 1, as: png, to: workspace.path("out"))
        }
        #expect(opaque.message == "the mask has no alpha channel; make the part to be changed transparent")
        try writeMask(width: 60, height: 64, hole: nil)
        let smaller = try #require(throws: ImagingError.self) {
            try Renderer().edit(
                [input], mask: workspace.path("mask.png"), prompt: "", seed: 1, as: png, to: workspace.path("out"))
        }
        #expect(smaller.message == "the mask is 60×64, but the image is 64×64; make them equal")
    }

    private func writeMask(width: Int, height: Int, hole: Rectangle?) throws {
        let around = "M0 0H\(width)V\(height)H0Z"
        let inside = hole.map { "M\($0.left) \($0.top)h\($0.width)v\($0.height)h\(-$0.width)Z" } ?? ""
        let svg = """
            <svg xmlns='http://www.w3.org/2000/svg' width='\(width)' height='\(height)'>
            <path fill-rule='evenodd' d='\(around)\(inside)'/></svg>
            """
        try Image(svg: svg).write(as: png, to: workspace.path("mask.png"))
    }
}
