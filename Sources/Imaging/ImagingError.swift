/// Why an image could not be read or made.
package struct ImagingError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// The image handed in is at fault: damaged, of another format, without the alpha channel a mask needs.
        case badImage
        /// More pixels or bytes than allowed.
        case tooLarge
        /// The request asks for what cannot be done, such as writing a BMP.
        case unsupported
        /// The disk or libvips failed; no image is to blame.
        case system
    }

    package var kind: Kind
    /// A sentence for whoever sent the image; names no path.
    package var message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    package var description: String { message }
}
