import Glibc

extension ImageHeader {
    /// Reads the header of an image file, and of the file no more than that: what the probe has no use for is skipped.
    ///
    /// Blocks on the disk. Throws `badImage` for a file that is not an image and `system` for one that cannot be read.
    package static func read(fileAt path: String) throws(ImagingError) -> ImageHeader {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw ImagingError(.system, "cannot open the image: \(lastError())") }
        defer { _ = close(file) }

        var probe = ImageProbe()
        var result = ImageProbe.Result.needMoreBytes
        var offset = 0
        while result == .needMoreBytes {
            offset += probe.takeUnwanted()
            let chunk = try bytes(of: file, from: offset, count: 4096)
            result = chunk.isEmpty ? probe.finish() : probe.feed(chunk.span)
            offset += chunk.count
        }
        guard case .image(let header) = result else {
            throw ImagingError(.badImage, "this is not an image of a known format; send PNG, JPEG or WebP")
        }
        return header
    }

    fileprivate static func bytes(of file: CInt, from offset: Int, count: Int) throws(ImagingError) -> [UInt8] {
        var outcome = 0
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initializedCount in
            repeat {
                outcome = unsafe pread(file, buffer.baseAddress, count, offset)
            } while outcome < 0 && errno == EINTR
            initializedCount = max(0, outcome)
        }
        guard outcome >= 0 else { throw ImagingError(.system, "cannot read the image: \(lastError())") }
        return bytes
    }

    fileprivate static func lastError() -> String { unsafe String(cString: strerror(errno)) }
}

extension BitmapLayout {
    /// Reads where the pixels of a BMP file are.
    ///
    /// Blocks on the disk. Throws `unsupported` for a form that is not read and `system` for a file that cannot be.
    static func read(fileAt path: String) throws(ImagingError) -> BitmapLayout {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            throw ImagingError(.system, "cannot open the image: \(ImageHeader.lastError())")
        }
        defer { _ = close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else {
            throw ImagingError(.system, "cannot read the image: \(ImageHeader.lastError())")
        }
        let header = try ImageHeader.bytes(of: file, from: 0, count: headerLength)
        guard let layout = BitmapLayout(header, fileLength: status.st_size) else {
            throw ImagingError(
                .badImage, "only whole BMP files with 24 or 32 bits a pixel can be read; send PNG, JPEG or WebP")
        }
        return layout
    }
}
