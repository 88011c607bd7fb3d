import LibEvent
import Support

@testable import HTTPClient

extension HTTPClient {
    /// The whole body of the answer.
    func text(_ request: ClientRequest) async throws -> String {
        try await send(request).body.text()
    }

    func text(_ url: String) async throws -> String { try await text(ClientRequest(url: url)) }

    /// How a request fails, in its head or its body.
    func failure(of request: ClientRequest) async -> ClientError? {
        do {
            _ = try await text(request)
            return nil
        } catch {
            return error as? ClientError
        }
    }
}

extension ByteSource {
    func text() async throws -> String { String(decoding: try await collect(), as: UTF8.self) }
}

/// Gives what a test has listed, then ends or fails.
@EventLoop
final class ListedPieces: ByteSource {
    private var pieces: [[UInt8]]
    private let error: (any Error)?
    /// Whether pieces that fit need not be waited for.
    private let areAtHand: Bool

    nonisolated init(_ pieces: [[UInt8]], then error: (any Error)? = nil, areAtHand: Bool = false) {
        self.pieces = pieces.reversed()
        self.error = error
        self.areAtHand = areAtHand
    }

    func next() async throws -> [UInt8]? {
        try await EventLoop.sleep(for: .milliseconds(1))
        if pieces.isEmpty, let error { throw error }
        return pieces.popLast()
    }

    func fill(_ buffer: inout OutputRawSpan) {
        guard areAtHand, let piece = pieces.last, piece.count <= buffer.freeCapacity else { return }
        pieces.removeLast()
        for byte in piece { buffer.append(byte) }
    }
}

/// Gives one piece, and nothing more until nobody waits for it any longer.
@EventLoop
final class StuckAfterOnePiece: ByteSource {
    private(set) var isCancelled = false
    var isStuck: Bool { waiter != nil }
    private var piece: [UInt8]?
    private var waiter: CheckedContinuation<Void, Never>?

    init(_ piece: [UInt8]) { self.piece = piece }

    func next() async throws -> [UInt8]? {
        if let piece {
            self.piece = nil
            return piece
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter = $0 }
        } onCancel: {
            EventLoop.spawn { self.cancel() }
        }
        throw CancellationError()
    }

    private func cancel() {
        isCancelled = true
        waiter?.resume()
        waiter = nil
    }
}

struct SourceFailure: Error, CustomStringConvertible {
    var description: String { "the disk is gone" }
}

/// Whether something comes true within five seconds.
@EventLoop
func eventually(_ condition: @EventLoop () -> Bool) async -> Bool {
    for _ in 0..<500 {
        if condition() { return true }
        try? await EventLoop.sleep(for: .milliseconds(10))
    }
    return condition()
}
