import Files
import LibEvent

/// Puts files in their places, those that come while the disk is busy together.
///
/// Each has to wait for the disk twice, and a disk that is told of many at once has done most of it with the first.
@EventLoop
final class FileCommits {
    private let areDurable: Bool
    private var waiting: [Commit] = []
    private var laneCount = 0

    /// As many batches at once as can usefully wait for one disk.
    private static let lanes = 4

    private struct Commit {
        let file: TemporaryFile
        let path: String
        let continuation: CheckedContinuation<Result<Void, FileError>, Never>
    }

    nonisolated init(areDurable: Bool) { self.areDurable = areDurable }

    /// Does what ``TemporaryFile/commit(to:durable:)`` does.
    func commit(_ file: TemporaryFile, to path: String) async throws(FileError) {
        let result = await withCheckedContinuation { continuation in
            waiting.append(Commit(file: file, path: path, continuation: continuation))
            if laneCount < Self.lanes {
                laneCount += 1
                EventLoop.spawn { await self.work() }
            }
        }
        try result.get()
    }

    private func work() async {
        while !waiting.isEmpty {
            let commits = waiting
            waiting = []
            let (files, areDurable) = (commits.map { ($0.file, $0.path) }, areDurable)
            let results = await blocking { TemporaryFile.commit(files, durable: areDurable) }
            for (commit, result) in zip(commits, results) { commit.continuation.resume(returning: result) }
        }
        laneCount -= 1
    }
}
