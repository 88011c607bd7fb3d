import Testing
import YAML

@Suite struct `YAML document` {
    @Test func `knows where everything stands`() throws {
        let root = try Document.parse(
            """
            # The gateway.
            listen: 127.0.0.1:8080
            providers:
              seaart: {dialect: seaart, api_key: "${SEAART_API_KEY}"}
            routes:
              - price: 0.03
            """)
        let providers = try #require(root["providers"]?.mapping?.first)
        let keys = try #require(providers.value.mapping)
        #expect(root.position == Position(line: 2, column: 1))
        #expect(providers.key == "seaart")
        #expect(providers.keyPosition == Position(line: 4, column: 3))
        #expect(providers.value.position == Position(line: 4, column: 11))
        #expect(keys.map(\.key) == ["dialect", "api_key"])
        #expect(keys.map(\.keyPosition.column) == [12, 29])
        #expect(keys.map(\.value.position.column) == [21, 38])
        #expect(root["routes"]?.position == Position(line: 6, column: 3))
        #expect(root["routes"]?.sequence?.first?["price"]?.position == Position(line: 6, column: 12))
    }

    @Test func `counts columns in characters`() throws {
        let root = try Document.parse("{水獭: 🦦, b: 1}")
        #expect(root.mapping?.map(\.keyPosition.column) == [2, 9])
    }

    @Test(
        arguments: [
            ("a: x", .scalar("x", isQuoted: false)),
            ("a: 'it''s'", .scalar("it's", isQuoted: true)),
            (#"a: "\u00e9\n\"""#, .scalar("é\n\"", isQuoted: true)),
            (#"a: "x\0y""#, .scalar("x\0y", isQuoted: true)),
            ("a: |\n  one\n  two\n", .scalar("one\ntwo\n", isQuoted: true)),
            ("a: >-\n  one\n  two\n", .scalar("one two", isQuoted: true)),
            ("a:", .scalar("", isQuoted: false)),
            ("a: http://x/y?z=1#w", .scalar("http://x/y?z=1#w", isQuoted: false)),
            ("a: {}", .mapping([])),
            ("a: []", .sequence([])),
            ("\u{FEFF}a: []", .sequence([])),
            ("---\na: []\n...\n", .sequence([])),
            ("a: # a comment\n  []\n", .sequence([])),
            ("\"a\": []\r\n", .sequence([])),
        ] as [(String, Node.Content)])
    func `reads every style of value`(text: String, content: Node.Content) throws {
        #expect(try Document.parse(text)["a"]?.content == content)
    }

    @Test(arguments: ["", "\n\n", "# nothing yet\n", "---\n", "---\n...\n", "\u{FEFF}"])
    func `is an empty mapping when there is nothing in it`(text: String) throws {
        #expect(try Document.parse(text).content == .mapping([]))
    }

    @Test(arguments: [
        ("a: &x 1", "line 1, column 4: anchors are not supported: put text that starts with '&' in quotes"),
        ("a: &x {}", "line 1, column 4: anchors are not supported: put text that starts with '&' in quotes"),
        ("a: & 1", "line 1, column 4: anchors are not supported: put text that starts with '&' in quotes"),
        ("a: *x", "line 1, column 4: aliases are not supported: put text that starts with '*' in quotes"),
        ("a: *", "line 1, column 4: aliases are not supported: put text that starts with '*' in quotes"),
        ("a: !!str 1", "line 1, column 4: tags are not supported: put text that starts with '!' in quotes"),
        ("a: !x []", "line 1, column 4: tags are not supported: put text that starts with '!' in quotes"),
        ("a: !e!x 1", "line 1, column 4: tags are not supported: put text that starts with '!' in quotes"),
        ("a: 1\n---\nb: 2", "line 2, column 1: a second document starts here, but only one is read"),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key 'a' is already on line 1: remove one of them"),
        ("a: {b: 1, 'b': 2}", "line 1, column 11: the key 'b' is already on line 1: remove one of them"),
        ("? [a]\n: b", "line 1, column 3: a key must be text: put quotes around it if it holds { } or [ ]"),
        ("{{a: 1}: b}", "line 1, column 2: a key must be text: put quotes around it if it holds { } or [ ]"),
        ("?\n: b", "line 1, column 2: expected a key before ':'"),
    ])
    func `refuses what makes YAML surprising`(text: String, message: String) {
        #expect(error(of: text)?.description == message)
    }

    @Test(arguments: [
        ("a:\n\tb: 1", "line 2, column 1: a tab cannot indent: use spaces"),
        ("a: |\n\tb", "line 2, column 1: a tab cannot indent: use spaces"),
        ("a: @x", "line 1, column 4: text cannot start with '@': put it in quotes"),
        ("a: %x", "line 1, column 4: text cannot start with '%': put it in quotes"),
        ("%x: 1", "line 1, column 1: text cannot start with '%': put it in quotes"),
        (
            "a: b\n  c: d",
            "line 2, column 4: ':' cannot stand here: check the indentation, or put text that holds ': ' in quotes"
        ),
        (
            "a:\n  b: 1\n c: 2",
            "line 3, column 2: expected a key of the mapping that starts on line 1: check the indentation and the quotes"
        ),
        ("a: 1\nb", "line 2, column 1: expected ':' after this key"),
        ("a: - b", "line 1, column 4: a list cannot start here: put '- ' on a line of its own"),
        (
            "- a\nb: c",
            "line 2, column 1: expected '- ' as in the list that starts on line 1: check the indentation"
        ),
        (
            "a: {api_key: ${ENV}}",
            "line 1, column 15: expected ',' or '}' in the mapping that starts on line 1:"
                + " close it, or put text that holds { } [ ] or , in quotes"
        ),
        (
            "a: [\n1,\nb: 3\nc: 4]",
            "line 4, column 2: expected ',' or ']' in the list that starts on line 1:"
                + " close it, or put text that holds { } [ ] or , in quotes"
        ),
        ("x: 1\na: {b: 1", "line 2, column 4: this mapping has no closing '}'"),
        ("a: [1, 2\n", "line 1, column 4: this list has no closing ']'"),
        ("a: \"x\nb: y", "line 1, column 4: this quoted text has no closing quote"),
        (#"a: "C:\qt""#, #"line 1, column 7: unknown escape: write \\ for a backslash, or use single quotes"#),
        ("{a: 1}}", "line 1, column 7: expected the end of the text but found '}': check the indentation"),
        ("a: ]", "line 1, column 4: expected a value but found ']': put text that starts with it in quotes"),
        (
            "a: |x\n b",
            "line 1, column 4: the text of '|' and '>' starts on the next line: put text that starts with them in quotes"
        ),
        ("%YAML 2.0\n---\n", "line 1, column 1: found incompatible YAML document"),
        ("é: \u{7}", "line 1, column 4: control characters are not allowed"),
    ])
    func `tells what is wrong, where, and what to do`(text: String, message: String) {
        #expect(error(of: text)?.description == message)
    }

    @Test(arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xFE, 0xFF, 0x00, 0x61]] as [[UInt8]])
    func `refuses what is not UTF-8`(bytes: [UInt8]) {
        let text = Array("a: 1\né: ".utf8) + bytes
        #expect(throws: YAMLError(position: Position(line: 2, column: 4), message: notUTF8)) {
            try Document.parse(text)
        }
        #expect(throws: YAMLError(position: Position(line: 1, column: 1), message: notUTF8)) {
            try Document.parse(bytes)
        }
    }

    @Test(arguments: [("[", "]"), ("{a: ", "}")])
    func `refuses deep nesting`(opening: String, closing: String) throws {
        let most = String(repeating: opening, count: 32) + String(repeating: closing, count: 32)
        #expect(throws: Never.self) { try Document.parse(most) }
        #expect(error(of: opening + most + closing)?.message == "mappings and sequences are nested more than 32 deep")
        let endless = String(repeating: opening, count: 100_000)
        #expect(error(of: endless)?.message == "mappings and sequences are nested more than 32 deep")
    }

    @Test func `refuses a long text`() {
        let text = "a: " + String(repeating: "x", count: 1 << 20)
        #expect(error(of: text)?.description == "line 1, column 1: the text is longer than 1048576 bytes")
    }

    private let notUTF8 = "the text is not UTF-8: save it in that encoding"

    private func error(of text: String) -> YAMLError? {
        do {
            _ = try Document.parse(text)
            return nil
        } catch {
            return error
        }
    }
}
