import LibEvent

/// The counts that every part of the gateway adds to, whatever becomes of the configuration.
@EventLoop
final class Meter {
    var counts = Counts()
}
