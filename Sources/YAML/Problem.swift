/// A mistake as libyaml tells it, to be told again with what to do about it.
struct Problem {
    var text: String
    var position: Position
    /// The character at the position; `nil` at the end of the text.
    var character: Unicode.Scalar?
    /// What libyaml was doing, such as `while parsing a flow mapping`.
    var context: String
    /// Where it began doing that.
    var start: Position

    static let anchors = "anchors are not supported: put text that starts with '&' in quotes"
    static let aliases = "aliases are not supported: put text that starts with '*' in quotes"
    static let tags = "tags are not supported: put text that starts with '!' in quotes"

    var error: YAMLError {
        if character == "\t" { return at(position, "a tab cannot indent: use spaces") }
        switch text {
        case "found character that cannot start any token":
            return at(position, "text cannot start with \(found): put it in quotes")
        case "mapping values are not allowed in this context":
            return at(position, "':' cannot stand here: check the indentation, or put text that holds ': ' in quotes")
        case "block sequence entries are not allowed in this context":
            return at(position, "a list cannot start here: put '- ' on a line of its own")
        case "did not find expected key":
            return at(
                position,
                "expected a key of the mapping that starts on line \(start.line): check the indentation and the quotes")
        case "could not find expected ':'":
            return at(start, "expected ':' after this key")
        case "did not find expected '-' indicator":
            return at(
                position, "expected '- ' as in the list that starts on line \(start.line): check the indentation")
        case "did not find expected ',' or '}'": return unclosed("mapping", by: "}")
        case "did not find expected ',' or ']'": return unclosed("list", by: "]")
        case "did not find expected <document start>":
            return at(position, "expected the end of the text but found \(found): check the indentation")
        case "did not find expected node content":
            return at(position, "expected a value but found \(found): put text that starts with it in quotes")
        case "found unknown escape character", "found invalid Unicode character escape code",
            "did not find expected hexdecimal number":
            return at(position, #"unknown escape: write \\ for a backslash, or use single quotes"#)
        default:
            return errorOfContext
        }
    }

    private var errorOfContext: YAMLError {
        switch context {
        case "while scanning a quoted scalar": at(start, "this quoted text has no closing quote")
        case "while scanning an anchor": at(start, Self.anchors)
        case "while scanning an alias": at(start, Self.aliases)
        case "while scanning a tag", "while parsing a tag", "while parsing a node": at(start, Self.tags)
        case "while scanning a directive": at(start, "text cannot start with '%': put it in quotes")
        case "while scanning a block scalar":
            at(start, "the text of '|' and '>' starts on the next line: put text that starts with them in quotes")
        default: at(position, context.isEmpty ? text : "\(text) \(context)")
        }
    }

    private func unclosed(_ kind: String, by bracket: Character) -> YAMLError {
        guard character != nil else { return at(start, "this \(kind) has no closing '\(bracket)'") }
        return at(
            position,
            "expected ',' or '\(bracket)' in the \(kind) that starts on line \(start.line):"
                + " close it, or put text that holds { } [ ] or , in quotes")
    }

    private var found: String { character.map { "'\($0)'" } ?? "the end of the text" }

    private func at(_ position: Position, _ message: String) -> YAMLError {
        YAMLError(position: position, message: message)
    }
}
