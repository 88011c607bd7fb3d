import HTTP

extension Target {
    /// However a stream is cut and whatever ends its lines, it has the same events; their data, written as events again,
    /// reads back.
    static func eventStream(_ input: [UInt8]) {
        let whole = events(of: [input[...]])
        require(whole == events(of: pieces(of: input)), "\(whole)")

        let text = whole.map { event in
            let lines = event.data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            return lines.flatMap { Array("data: ".utf8) + $0 + Array("\r\n".utf8) } + Array("\r\n".utf8)
        }
        require(events(of: [text.flatMap(\.self)[...]]).map(\.data) == whole.map(\.data))
    }

    private struct Event: Equatable {
        var name: String
        var data: [UInt8]
    }

    private static func events(of pieces: [ArraySlice<UInt8>]) -> [Event] {
        var parser = EventStreamParser()
        var events: [Event] = []
        var data: [UInt8] = []
        for part in pieces.flatMap({ parser.feed($0.span) }) + parser.finish() {
            switch part {
            case .data(let bytes):
                require(!bytes.isEmpty)
                data += bytes
            case .end(let name):
                require(name.utf8.count <= EventStreamParser.eventNameBytes * 3)
                events.append(Event(name: name, data: data))
                data = []
            }
        }
        require(data.isEmpty)
        return events
    }
}
