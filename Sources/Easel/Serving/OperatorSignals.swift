import LibEvent

/// What the operator tells the process by signals, from the moment this is made: none is lost while the gateway starts.
@EventLoop
final class OperatorSignals {
    /// Comes with the first signal to stop.
    let stop = Promise<Signal>()
    /// Comes with the second one, from somebody who does not want to wait.
    let haste = Promise<Signal>()
    private let wakeup = Wakeup()
    private var signals: Signals?

    init() {
        signals = Signals([.terminate, .interrupt, .hangUp]) { [unowned self] in receive($0) }
    }

    /// Waits for the next signal to reload, or for several that came meanwhile; `false` when there will be none, because
    /// the process is to stop.
    func nextReload() async -> Bool {
        _ = await wakeup.wait()
        return stop.value == nil
    }

    /// Takes a signal, as if the process had got it.
    func receive(_ signal: Signal) {
        if signal != .hangUp {
            if stop.value != nil { haste.fulfil(signal) }
            stop.fulfil(signal)
        }
        wakeup.signal()
    }
}
