import Files
import Imaging
import LibEvent

/// Changes the pixels and the format of input images: the only place where that is done.
struct InputConverter: Sendable {
    private let spool: Spool
    private let converter: Converter

    init(spool: Spool, pixelLimit: Int) {
        self.spool = spool
        converter = Converter(pixelLimit: pixelLimit)
    }

    /// One thing to do with one image; the same work gives the same result.
    struct Work: Sendable, Hashable {
        /// Of the image as it came.
        var path: String
        var step: Step

        enum Step: Sendable, Hashable {
            case image(Conversion)
            case mask(MaskNeed)
        }
    }

    /// A changed image, whose file lives as long as this does.
    struct Product: Sendable {
        var file: TemporaryFile
        var conversion: ConvertedImage

        var image: ImageFile {
            ImageFile(
                path: file.path, length: conversion.length, mediaType: conversion.format.mediaType,
                width: conversion.size.width, height: conversion.size.height)
        }
    }

    /// Does the work in a new file, off the loop.
    func run(_ work: Work) async throws(ImagingError) -> Product {
        let result = await offload { () -> Result<Product, ImagingError> in
            Result { () throws(ImagingError) in try self.product(of: work) }
        }
        return try result.get()
    }

    private func product(of work: Work) throws(ImagingError) -> Product {
        let file: TemporaryFile
        do throws(SpoolError) { file = try spool.temporaryFile() } catch {
            throw ImagingError(.system, "no file can be made for the image: \(error)")
        }
        switch work.step {
        case .image(let conversion):
            let converted = try converter.convert(work.path, by: conversion, to: file.path)
            return Product(file: file, conversion: converted)
        case .mask(let need):
            let converted = try converter.convertMask(
                work.path, as: need.mark, resizing: need.resizing.map { ($0.from, $0.to) }, to: file.path)
            return Product(file: file, conversion: converted)
        }
    }
}
