import HTTP
import HTTPServer

extension Target {
    /// However the bytes of a connection are cut, they are the same requests or the same refusal, in steps that always
    /// get somewhere; no body is longer or shorter than its head says, and heads written out again read back.
    static func httpRequest(_ input: [UInt8]) {
        let whole = events(in: [input[...]])
        for cut in [pieces(of: input), input.indices.map { input[$0...$0] }] {
            let inPieces = events(in: cut)
            require(whole == inPieces, "\(whole) != \(inPieces)")
        }
        for case .request(let head, let body, let isComplete) in whole {
            switch head.body {
            case .none: require(body.isEmpty)
            case .length(let length): require(isComplete ? body.count == length : body.count < length)
            case .chunked: break
            }
            // Latin-1 becomes UTF-8, which is longer.
            let again = events(in: [wire(head)[...]], limits: Limits())
            guard case .request(head, _, _)? = again.first else { fatalError("\(again) does not begin with \(head)") }
        }
    }

    private enum Event: Equatable {
        case request(RequestHead, body: [UInt8], isComplete: Bool)
        case rejection(Rejection)
    }

    private static func events(in pieces: [ArraySlice<UInt8>], limits: Limits = tight) -> [Event] {
        var parser = RequestParser(limits: limits)
        var events: [Event] = []
        var pending: [UInt8] = []
        var current: (head: RequestHead, body: [UInt8])?
        for piece in pieces {
            pending += piece
            reading: while true {
                let step = parser.parse(pending.span)
                require(step.consumed >= 0 && step.consumed <= pending.count)
                switch step.action {
                case .needMore: break
                case .head(let head):
                    require(current == nil && step.consumed > 0)
                    current = (head, [])
                case .body(let range):
                    require(current != nil && !range.isEmpty)
                    require(range.lowerBound >= 0 && range.upperBound == step.consumed)
                    current?.body += pending[range]
                case .end:
                    guard let request = current else { fatalError("a request ended before it began") }
                    events.append(.request(request.head, body: request.body, isComplete: true))
                    current = nil
                case .reject(let rejection):
                    require(rejection.status.rawValue >= 400 && !rejection.message.isEmpty)
                    require(parser.parse(input(after: step, pending).span).action == step.action)
                    if let current { events.append(.request(current.head, body: current.body, isComplete: false)) }
                    return events + [.rejection(rejection)]
                }
                pending.removeFirst(step.consumed)
                if step.action == .needMore { break reading }
            }
        }
        if let current { events.append(.request(current.head, body: current.body, isComplete: false)) }
        return events
    }

    /// What follows a refused message, and then a request without fault.
    private static func input(after step: RequestParser.Step, _ pending: [UInt8]) -> [UInt8] {
        Array(pending.dropFirst(step.consumed)) + "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8
    }

    private static func wire(_ head: RequestHead) -> [UInt8] {
        var text = "\(head.request.method.rawValue) \(head.request.target) HTTP/1.\(head.minorVersion)\r\n"
        for field in head.request.fields.all { text += "\(field.name): \(field.value)\r\n" }
        return Array((text + "\r\n").utf8)
    }

    /// Limits that short inputs can reach.
    private static let tight = {
        var limits = Limits()
        limits.requestLine = 128
        limits.head = 512
        limits.fields = 12
        limits.chunkLine = 48
        limits.chunkExtensions = 64
        limits.trailers = 64
        return limits
    }()
}
