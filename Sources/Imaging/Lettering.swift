/// A translucent dark plate with a prompt and a small caption in white, so that they can be read on any picture.
enum Lettering {
    /// The sizes of the prompt's font to try, in thousandths of the shorter side of the space there is.
    private static let sizes = [110, 92, 76, 62, 50, 40]
    /// Pixels; nobody can read less.
    private static let smallestFont = 10
    /// A cluster of more code points than this is a joke, and is left out.
    private static let clusterLimit = 16

    /// Sets as much of the prompt as fits into the space, in the largest size that takes all of it.
    ///
    /// The plate is as small as its text allows; it is `nil` if there is no room for any.
    static func plate(prompt: String, caption: String, width: Int, height: Int) throws(ImagingError) -> Image? {
        let shorter = min(width, height)
        let padding = shorter / 12
        let (textWidth, textHeight) = (width - 2 * padding, height - 2 * padding)
        guard textWidth > 4 * smallestFont, textHeight > smallestFont else { return nil }

        for (place, size) in sizes.enumerated() {
            let isLast = place == sizes.count - 1
            let font = max(smallestFont, size * shorter / 1000)
            var room = textWidth * textHeight / (font * font)  // in squares, which a letter does not fill
            repeat {
                let (text, isCut) = clean(prompt, room: room)
                guard !isCut || isLast else { break }
                if let image = set(text, caption: caption, font: font, width: textWidth, height: textHeight) {
                    return try plate(for: image, padding: padding)
                }
                room = room * 7 / 10
            } while isLast && room > 0
        }
        return nil
    }
}

extension Lettering {
    /// The beginning of a prompt as one paragraph without control characters, and whether it had to be cut.
    ///
    /// `room` says how many letters there is room for; a wide letter such as a Chinese one takes two.
    private static func clean(_ prompt: String, room: Int) -> (text: String, isCut: Bool) {
        var text = ""
        var room = room
        var isSpaced = false
        for character in prompt {
            let scalars = character.unicodeScalars
            if character.isWhitespace {
                isSpaced = !text.isEmpty
                continue
            }
            guard scalars.prefix(clusterLimit + 1).count <= clusterLimit,
                scalars.allSatisfy({ $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
            else { continue }
            let isWide = scalars.contains { $0.value >= 0x1100 }
            room -= (isWide ? 2 : 1) + (isSpaced ? 1 : 0)
            guard room >= 0 else { return (text.isEmpty ? "" : text + "…", true) }
            if isSpaced { text.append(" ") }
            isSpaced = false
            text.append(character)
        }
        return (text, false)
    }

    /// The text without its plate, or `nil` if it does not fit or has nothing to show, which libvips calls an error.
    private static func set(_ text: String, caption: String, font: Int, width: Int, height: Int) -> Image? {
        let small = max(smallestFont, min(font / 2, width / 32))
        let prompt = text.isEmpty ? "" : "<span foreground='white'>\(escaped(text))</span>\n"
        let style = "foreground='white' alpha='80%' size='\(small)pt' line_height='1.7'"
        let markup = "\(prompt)<span \(style)>\(escaped(caption))</span>"
        guard let image = try? Image(markup: markup, font: "Sans \(font)px", width: width),
            image.size.width <= width, image.size.height <= height
        else { return nil }
        return image
    }

    private static func escaped(_ text: String) -> String {
        text.reduce(into: "") { result, character in
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            default: result.append(character)
            }
        }
    }

    private static func plate(for text: borrowing Image, padding: Int) throws(ImagingError) -> Image {
        let (width, height) = (text.size.width + 2 * padding, text.size.height + 2 * padding)
        let plate = try Image(
            svg: """
                <svg xmlns='http://www.w3.org/2000/svg' width='\(width)' height='\(height)'>
                <rect width='100%' height='100%' rx='\(padding * 2 / 3)' fill='#0c1018' fill-opacity='0.6'/></svg>
                """)
        return try plate.overlaid(with: text, left: padding, top: padding)
    }
}
