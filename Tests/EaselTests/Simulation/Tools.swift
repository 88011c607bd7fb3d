import Crypto
import Files
import HTTPClient
import Imaging
import LibEvent

@testable import Easel

/// What all histories share since none of them changes it: the real parts that a simulated gateway needs and never uses.
@EventLoop
final class SimulationTools {
    let configuration: Configuration
    let spool: Spool
    let inputs: Inputs
    let sandbox: Sandbox
    /// A file that is no image.
    let noImage: SpooledFile
    private let folder = TemporaryFolder()
    private let file: TemporaryFile
    private let header: ImageHeader

    init() throws {
        let providers = Language.allCases.map {
            "  \($0): {dialect: \($0.dialect), api_key: secret, base_url: \($0.baseURL), timeout: 60s}"
        }
        configuration = try Parts.read(
            """
            providers:
            \(providers.joined(separator: "\n"))
            models: {otter: {routes: [{provider: plain}]}}
            """)
        spool = try Spool(folder: "\(folder.path)/spool")
        let check = ImageCheck(pixelLimit: 1_000_000)
        inputs = Inputs(
            spool: spool, fetcher: Fetcher(client: HTTPClient(addresses: .any), spool: spool, lengthLimit: 1 << 20),
            check: check, published: PublishedInputs(publicURL: "https://easel.test"), lengthLimit: 1 << 20)
        sandbox = Sandbox(spool: spool, pixelLimit: check.pixelLimit)
        file = try TemporaryFile(in: spool.folder)
        try file.write(png())
        header = ImageHeader(format: .png, size: PixelSize(width: 8, height: 8))
        noImage = SpooledFile(file, digest: Self.digest(0), header: nil, isComplete: false)
    }

    /// A picture that differs from those of other numbers.
    func picture(_ number: Int) -> SpooledFile {
        SpooledFile(file, digest: Self.digest(number), header: header, isComplete: true)
    }

    private static func digest(_ number: Int) -> Digest {
        var bytes = [UInt8](repeating: 0, count: Digest.length)
        for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: number >> (8 * index)) }
        return Digest(stored: bytes) ?? SHA256.digest(of: bytes)
    }
}
