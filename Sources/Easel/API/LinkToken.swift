import Crypto
import LibEvent

/// Makes the tokens of links to stored images, which nobody can guess who was not given one.
enum LinkToken {
    /// The first twelve digits are the time in milliseconds, so that newer tokens sort last; the rest is random.
    ///
    /// Rows of new images are so written side by side in the ledger: each would otherwise have to read and to write a
    /// page from anywhere among millions.
    static func make(at now: Timestamp) -> String { now.sortableText + supply.withLock { $0.token(bytes: 18) } }

    private static let supply = Lock(RandomSupply())
}
