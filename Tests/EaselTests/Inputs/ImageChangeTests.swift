import Imaging
import JSON
import Testing

@testable import Easel

struct ImageChangeTests {
    private static let bounds = ImageBounds(bytes: 4_000_000, side: 384...3072)

    private static func look(_ format: ImageFormat, _ width: Int, _ height: Int, length: Int = 1000) -> ImageChange.Look
    {
        ImageChange.Look(format: format, size: PixelSize(width: width, height: height), length: length)
    }

    private static func change(_ original: ImageChange.Look, _ sent: ImageChange.Look) -> ImageChange {
        ImageChange(original, sent, within: bounds)
    }

    @Test(arguments: [
        (
            change(look(.jpeg, 6000, 4000), look(.jpeg, 3072, 2048)), ParameterReport.Outcome.clamped,
            "scaled from 6000×4000 to 3072×2048 for seaart: sides up to 3072"
        ),
        (change(look(.gif, 64, 64), look(.png, 64, 64)), .mapped, "re-encoded from GIF to PNG for seaart"),
        (
            change(look(.tiff, 4000, 4000, length: 5_000_000), look(.png, 3072, 3072)), .clamped,
            """
            re-encoded from TIFF to PNG and scaled from 4000×4000 to 3072×3072 for seaart: \
            sides up to 3072, up to 4 MB
            """
        ),
        (
            change(look(.webp, 900, 900), look(.png, 700, 700)), .clamped,
            "re-encoded from WebP to PNG and scaled from 900×900 to 700×700 for seaart: up to 4 MB"
        ),
        (
            change(look(.jpeg, 900, 900, length: 5_000_000), look(.jpeg, 900, 900, length: 900)), .clamped,
            "re-encoded from 5000000 to 900 bytes for seaart: up to 4 MB"
        ),
    ])
    func `a change says what was done, for whom and why`(
        change: ImageChange, outcome: ParameterReport.Outcome, note: String
    ) throws {
        let report = try #require(ParameterReport([change], for: "seaart"))
        #expect(report.parameter == "image")
        #expect(report.outcome == outcome)
        #expect(report.note == note)
    }

    @Test func `several images share one entry, which says which they are`() throws {
        let scaled = Self.change(Self.look(.png, 6000, 4000), Self.look(.png, 3072, 2048))
        let mapped = Self.change(Self.look(.gif, 64, 64), Self.look(.png, 64, 64))
        let report = try #require(ParameterReport([mapped, nil, scaled], for: "seaart"))
        #expect(
            report
                == ParameterReport(
                    parameter: "image", outcome: .clamped, asked: "image/gif 64x64, image/png 6000x4000",
                    sent: "image/png 64x64, image/png 3072x2048",
                    note: """
                        image 1 re-encoded from GIF to PNG for seaart; \
                        image 3 scaled from 6000×4000 to 3072×2048 for seaart: sides up to 3072
                        """))
    }

    @Test func `images that are sent as they came are not mentioned`() {
        #expect(ParameterReport([nil, nil], for: "seaart") == nil)
    }
}
