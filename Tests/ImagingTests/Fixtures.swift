import Glibc
import Imaging

/// A folder for one test's files, removed with everything in it.
final class Workspace: Sendable {
    private let folder: String

    init() {
        var template = Array("/tmp/easel-imaging-XXXXXX\0".utf8CString)
        folder = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, let path = unsafe mkdtemp(start) else { return "/nowhere" }
            return unsafe String(cString: path)
        }
    }

    deinit {
        if let handle = unsafe opendir(folder) {
            while let entry = unsafe readdir(handle) {
                let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                    unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
                }
                unsafe unlink(path(name))
            }
            unsafe closedir(handle)
        }
        unsafe rmdir(folder)
    }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func exists(_ name: String) -> Bool { unsafe access(path(name), F_OK) == 0 }

    func write(_ bytes: [UInt8], to name: String) -> String {
        let path = path(name)
        if let file = unsafe fopen(path, "w") {
            unsafe fwrite(bytes, 1, bytes.count, file)
            unsafe fclose(file)
        }
        return path
    }

    func read(_ name: String) -> [UInt8] {
        guard let file = unsafe fopen(path(name), "r") else { return [] }
        defer { unsafe fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while case let count = unsafe fread(&chunk, 1, chunk.count, file), count > 0 { bytes += chunk.prefix(count) }
        return bytes
    }

    /// A real image of a format that libvips writes, and its bytes.
    func picture(_ format: ImageFormat, width: Int = 48, height: Int = 32, seed: Int64 = 1) throws -> [UInt8] {
        let size = PixelSize(width: width, height: height)
        try Renderer().render(prompt: "", seed: seed, size: size, as: Encoding(format: .png), to: path("source.png"))
        let conversion = Conversion(encoding: Encoding(format: format))
        let name = "picture.\(format.fileExtension)"
        try Converter().convert(path("source.png"), by: conversion, to: path(name))
        return read(name)
    }
}

extension ImageFormat {
    /// The formats that are written.
    static let written: [ImageFormat] = [.png, .jpeg, .webp, .gif, .tiff]
}

/// A piece of a file written by hand: text, a byte, bytes, or a number in either byte order.
struct Piece: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral {
    var bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }
    init(stringLiteral text: String) { bytes = Array(text.utf8) }
    init(integerLiteral byte: UInt8) { bytes = [byte] }
    init(arrayLiteral bytes: UInt8...) { self.bytes = bytes }

    static func big(_ value: Int, _ count: Int = 4) -> Piece {
        Piece((0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) })
    }

    static func little(_ value: Int, _ count: Int = 4) -> Piece { Piece(big(value, count).bytes.reversed()) }

    static func filler(_ byte: UInt8, _ count: Int) -> Piece { Piece([UInt8](repeating: byte, count: count)) }
}

func bytes(_ pieces: Piece...) -> [UInt8] { pieces.flatMap(\.bytes) }

/// A PNG that says it is this large and then ends.
func emptyPNG(width: Int, height: Int) -> [UInt8] {
    bytes(0x89, "PNG\r\n", 0x1A, "\n", .big(13), "IHDR", .big(width), .big(height), [8, 6, 0, 0, 0], .big(0))
}

/// EXIF that says the picture lies on its side.
let sideways = bytes(
    "Exif", [0, 0], "MM", [0, 42], .big(8), .big(1, 2), .big(0x0112, 2), .big(3, 2), .big(1), .big(6, 2), .big(0, 2),
    .big(0))

extension [UInt8] {
    /// This JPEG with segments of metadata before everything else.
    func withMetadata(_ segments: [[UInt8]]) -> [UInt8] {
        prefix(2) + segments.flatMap { bytes([0xFF, 0xE1], .big($0.count + 2, 2), Piece($0)) } + dropFirst(2)
    }
}
