import HTTP
import LibEvent

/// The events of a provider's stream one after the other, each of them a source of its data.
@EventLoop
final class EventReader: ByteSource {
    /// The name of the event whose data was last read to its end; empty when it has none.
    private(set) var name = ""
    private let source: any ByteSource
    private var parser = EventStreamParser()
    private var parts: ArraySlice<EventStreamPart>
    private var isInEvent = false
    private var hasEnded = false

    /// Begins with the bytes that have been taken from the source already.
    init(_ first: [UInt8], then source: any ByteSource) {
        self.source = source
        parts = parser.feed(first.span)[...]
    }

    /// Goes on to the next event that has data, past what is left of the current one; `false` when there is none.
    func nextEvent() async throws -> Bool {
        while isInEvent { _ = try await next() }
        while true {
            switch parts.first {
            case .data:
                isInEvent = true
                return true
            case .end: parts.removeFirst()
            case nil: guard try await receiveMore() else { return false }
            }
        }
    }

    /// The next bytes of the event's data; `nil` at its end.
    func next() async throws -> [UInt8]? {
        while isInEvent {
            switch parts.popFirst() {
            case .data(let bytes): return bytes
            case .end(let name):
                self.name = name
                isInEvent = false
            case nil: if try await !receiveMore() { isInEvent = false }
            }
        }
        return nil
    }

    private func receiveMore() async throws -> Bool {
        guard !hasEnded else { return false }
        if let bytes = try await source.next() {
            parts = parser.feed(bytes.span)[...]
        } else {
            hasEnded = true
            parts = parser.finish()[...]
        }
        return true
    }
}
