import CSQLite
import Glibc
import Synchronization

/// The write-ahead log as the one connection sees it that writes to it, and what keeps it short.
///
/// What is committed has to be copied into the database some time (a *checkpoint*), for which the log is flushed, its
/// pages are written where they belong, and the database is flushed: some milliseconds, and hundreds of them while the
/// disk is busy. SQLite would have a commit do that, and every other write wait. Here another thread does it, beside the
/// writer. The log starts over with the first transaction that finds all of it copied, which under constant writing none
/// does: so when it is long, the writer copies the little that came during a checkpoint itself, between two commits.
///
/// A checkpoint that fails, or that readers of old pages stop, is tried again once the log has grown by as much again.
///
/// Before its version 3.51.3 SQLite loses pages if a checkpoint begins when everything is copied already, and another
/// connection has the log start over at that very moment (<https://www.sqlite.org/wal.html#walresetbug>). That cannot
/// happen between these two threads: it is the writer that asks for each checkpoint, once, right after a commit whose
/// pages nobody has copied. Nor is one due as soon as a file is opened, so that a command that writes a row beside a
/// gateway leaves its log alone.
final class WriteAheadLog {
    /// Pages by which the log grows before they are copied (2 MB): while they are flushed, commits are slower.
    static let pagesBeforeCheckpoint = 500
    /// Pages from which on the log is long enough to start over (48 MB).
    static let pagesBeforeStartingOver = 12_000
    /// Pages that came during a checkpoint and are few enough for the writer to copy.
    static let pagesLeftToWriter = 250
    /// A log of so many pages (96 MB) makes the writer wait until it is copied: the disk is too slow for what is written.
    static let pagesLimit = 24_000

    /// How many pages were in it after the last commit.
    private(set) var pages = 0
    /// How many of them the last checkpoint left copied.
    private var copied = 0
    /// The number of pages at which the next checkpoint begins; `nil` until the first commit.
    private var due: Int?
    private var underWay: Checkpoint?

    /// A commit has left the log with this many pages.
    func committed(pages: Int) {
        if due == nil || pages < self.pages {  // it has started over
            copied = 0
            due = pages + Self.pagesBeforeCheckpoint
            underWay = nil
        }
        self.pages = pages
    }

    /// Has the log copied when it is time for that; to be called between two transactions of `writer`.
    func keepShort(writer: borrowing Connection, checkpointer: Worker<Checkpoint>) {
        guard let checkpoint = underWay else {
            if let due, pages >= due { begin(on: checkpointer) }
            return
        }
        if pages >= Self.pagesLimit { checkpoint.wait() }
        guard let copied = checkpoint.copied else { return }

        underWay = nil
        due = pages + Self.pagesBeforeCheckpoint
        defer { self.copied = copied }
        // Copied altogether, it starts over by itself with the next transaction.
        guard pages > copied, pages >= Self.pagesBeforeStartingOver else { return }
        if pages >= Self.pagesLimit || pages - copied <= Self.pagesLeftToWriter {
            writer.checkpoint()
        } else if copied > self.copied {
            begin(on: checkpointer)  // for what came meanwhile
        }
    }

    private func begin(on checkpointer: Worker<Checkpoint>) {
        let checkpoint = Checkpoint()
        if checkpointer.add(checkpoint) { underWay = checkpoint }
    }
}

/// A checkpoint on a thread of its own.
final class Checkpoint: Sendable {
    private static let isUnderWay = -1
    private let result = Atomic(Checkpoint.isUnderWay)

    /// How many pages of the log are copied now, those of before included; 0 if SQLite refused, `nil` until it is over.
    var copied: Int? {
        let pages = result.load(ordering: .acquiring)
        return pages == Self.isUnderWay ? nil : pages
    }

    func run(on connection: borrowing Connection) {
        result.store(connection.checkpoint() ?? 0, ordering: .releasing)
    }

    /// Waits until it is over; so rarely that looking for it every millisecond will do.
    func wait() {
        while copied == nil { usleep(1_000) }
    }
}
