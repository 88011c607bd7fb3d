import Files
import Imaging
import LibEvent

/// The provider that needs no account: it draws the prompt on a picture of its own, here.
@EventLoop
final class Sandbox {
    private let spool: Spool
    private let renderer: Renderer
    private let gate = Gate(width: 2)

    /// The longest picture it makes, in bytes.
    nonisolated static let lengthLimit = 512 << 20

    init(spool: Spool, pixelLimit: Int) {
        self.spool = spool
        renderer = Renderer(pixelLimit: pixelLimit)
    }

    /// Draws every image of an order; as many orders at a time as there are processors to draw them.
    func draw(_ drawing: Drawing) async -> Purchase {
        await gate.enter()
        defer { gate.leave() }
        var delivery = Delivery()
        for index in 0..<drawing.count {
            let seed = (drawing.seed ?? 0) &+ Int64(index)
            let (renderer, spool) = (renderer, spool)
            switch await offload({ Self.picture(of: drawing, seed, renderer, spool) }) {
            case .success(let file):
                delivery.images.append(DeliveredImage(image: ResultImage(payload: .body), files: [file], seed: seed))
            case .failure(let failure): return .failed(failure)
            }
        }
        return .delivered(delivery)
    }

    private nonisolated static func picture(
        of drawing: Drawing, _ seed: Int64, _ renderer: Renderer, _ spool: Spool
    ) -> Result<SpooledFile, ProviderFailure> {
        do throws(SpoolError) {
            let picture = try spool.temporaryFile()
            do throws(ImagingError) {
                try draw(drawing, seed, renderer, to: picture.path)
            } catch {
                let kind: FailureKind = error.kind == .system ? .providerError : .badRequest
                return .failure(.gateway(kind, error.message, boughtNothing: true))
            }
            return .success(try spool.copy(of: picture.path, limit: lengthLimit))
        } catch {
            return .failure(
                .gateway(.providerError, "The picture could not be drawn: \(error).", boughtNothing: true))
        }
    }

    private nonisolated static func draw(
        _ drawing: Drawing, _ seed: Int64, _ renderer: Renderer, to path: String
    ) throws(ImagingError) {
        let encoding = Encoding(
            format: drawing.format.flatMap(ImageFormat.init(rawValue:)) ?? .png, quality: drawing.quality)
        let size = PixelSize(width: drawing.width, height: drawing.height)
        if drawing.images.isEmpty {
            try renderer.render(
                prompt: drawing.prompt, seed: seed, size: size, isTransparent: drawing.isTransparent, as: encoding,
                to: path)
        } else {
            try renderer.edit(
                drawing.images.map(\.path), mask: drawing.mask?.path, prompt: drawing.prompt, seed: seed,
                size: drawing.isSizeAsked ? size : nil, as: encoding, to: path)
        }
    }
}
