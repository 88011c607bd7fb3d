import LibEvent

/// What every part of the gateway has to tell `/metrics`, whatever becomes of the configuration.
@EventLoop
final class Meter {
    var counts = Counts()
    /// Mistakes that the configuration file had when it was last read: with any, the configuration before still counts.
    var configurationMistakes = 0
}
