import Files
import LibEvent

/// Puts files in their places, those that come while the disk is busy together.
///
/// Each has to wait for the disk twice, and a disk that is told of many at once has done most of it with the first.
final class FileCommits: Sendable {
    private let areDurable: Bool
    private let state = Lock(State())

    /// As many batches at once as can usefully wait for one disk.
    private static let lanes = 4

    private struct State {
        var waiting: [Commit] = []
        var laneCount = 0
        /// Whether there is a lane that has not taken its first batch yet, and will find what comes until then.
        var isLaneComing = false
    }

    private struct Commit: Sendable {
        let file: TemporaryFile
        let path: String
        let continuation: CheckedContinuation<Result<Void, FileError>, Never>
    }

    init(areDurable: Bool) { self.areDurable = areDurable }

    /// Does what ``TemporaryFile/commit(to:durable:)`` does.
    func commit(_ file: TemporaryFile, to path: String) async throws(FileError) {
        let result = await withCheckedContinuation { continuation in
            let opensLane = state.withLock { state in
                state.waiting.append(Commit(file: file, path: path, continuation: continuation))
                guard !state.isLaneComing, state.laneCount < Self.lanes else { return false }
                state.laneCount += 1
                state.isLaneComing = true
                return true
            }
            if opensLane { startBlocking { self.work() } }
        }
        try result.get()
    }

    /// Commits batch after batch until nothing waits.
    private func work() {
        state.withLock { $0.isLaneComing = false }
        while let batch = nextBatch() {
            let results = TemporaryFile.commit(batch.map { ($0.file, $0.path) }, durable: areDurable)
            for (commit, result) in zip(batch, results) { commit.continuation.resume(returning: result) }
        }
    }

    private func nextBatch() -> [Commit]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.laneCount -= 1
                return nil
            }
            defer { state.waiting = [] }
            return state.waiting
        }
    }
}
