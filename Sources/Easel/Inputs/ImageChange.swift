import Imaging
import JSON

/// How an input image that a provider gets differs from the one that the client sent.
struct ImageChange: Sendable, Hashable {
    struct Look: Sendable, Hashable {
        var format: ImageFormat
        var size: PixelSize
        /// Bytes.
        var length: Int
    }

    var original: Look
    var sent: Look
    /// The bounds it was made to fit, in words; empty when only its format did not fit.
    var bounds: [String]

    /// `nil` for an image of a format that has no name here.
    init?(of original: ImageFile, _ conversion: ConvertedImage, within bounds: ImageBounds) {
        guard let format = ImageFormat(mediaType: original.mediaType) else { return nil }
        self.init(
            Look(format: format, size: conversion.originalSize, length: original.length),
            Look(format: conversion.format, size: conversion.size, length: conversion.length), within: bounds)
    }

    init(_ original: Look, _ sent: Look, within bounds: ImageBounds) {
        self.original = original
        self.sent = sent
        self.bounds = bounds.exceeded(by: original.size, length: original.length)
        // Written in another format, an image can need more bytes than before.
        if self.bounds.isEmpty, original.size != sent.size, let bytes = bounds.bytes {
            self.bounds = ["up to \(ImageBounds.text(bytes: bytes))"]
        }
    }

    var outcome: ParameterReport.Outcome { bounds.isEmpty ? .mapped : .clamped }
}

extension ParameterReport {
    /// What became of the input images, as one entry; `nil` when all went out untouched.
    ///
    /// - Parameters:
    ///   - changes: For each image of the order, in its order; `nil` for one that is sent as it came.
    ///   - provider: The provider's configured name.
    init?(_ changes: [ImageChange?], for provider: String) {
        let changed = changes.enumerated().compactMap { index, change in change.map { (index: index, change: $0) } }
        guard !changed.isEmpty else { return nil }
        let isClamped = changed.contains { $0.change.outcome == .clamped }
        self.init(
            parameter: "image", outcome: isClamped ? .clamped : .mapped,
            asked: .string(changed.map { $0.change.original.text }.joined(separator: ", ")),
            sent: .string(changed.map { $0.change.sent.text }.joined(separator: ", ")),
            note: changed.map { index, change in
                (changes.count > 1 ? "image \(index + 1) " : "") + change.note(for: provider)
            }.joined(separator: "; "))
    }
}

extension ParameterReport {
    /// What became of the mask.
    init(mask need: MaskNeed, _ original: ImageFile, _ conversion: ConvertedImage, for provider: String) {
        let mark =
            switch need.mark {
            case .transparent: "transparent"
            case .white: "white"
            case .black: "black"
            }
        self.init(
            parameter: "mask", outcome: .mapped,
            asked: .string("\(original.mediaType) \(original.width)x\(original.height)"),
            sent: .string("\(conversion.format.mediaType) \(conversion.size.width)x\(conversion.size.height)"),
            note: need.mark == .transparent
                ? "made to fit its image for \(provider)"
                : "\(mark) instead of transparent marks what may change, for \(provider)")
    }
}

extension ImageChange {
    fileprivate func note(for provider: String) -> String {
        var steps: [String] = []
        if original.format != sent.format {
            steps.append("re-encoded from \(original.format.name) to \(sent.format.name)")
        }
        if original.size != sent.size { steps.append("scaled from \(original.size) to \(sent.size)") }
        if steps.isEmpty { steps.append("re-encoded from \(original.length) to \(sent.length) bytes") }
        let reason = bounds.isEmpty ? "" : ": \(bounds.joined(separator: ", "))"
        return "\(steps.joined(separator: " and ")) for \(provider)\(reason)"
    }
}

extension ImageChange.Look {
    /// For programs: `image/png 640x480`.
    fileprivate var text: String { "\(format.mediaType) \(size.width)x\(size.height)" }
}

extension ImageFormat {
    /// As people write it.
    var name: String { self == .webp ? "WebP" : rawValue.uppercased() }
}
