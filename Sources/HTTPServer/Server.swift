package import LibEvent

/// Serves HTTP/1.1 on one address, from its creation until ``stop(within:)``.
@EventLoop
package final class Server {
    private let shared: SharedLimits
    private let handler: any RequestHandler
    private var listener: Listener?
    private var connections: [ObjectIdentifier: Connection] = [:]
    private let connectionClosed = Wakeup()
    private var isStopping = false
    /// The address in use; where port 0 was asked for, with the port that the kernel chose.
    package private(set) var address: SocketAddress

    /// Starts to listen and to serve.
    ///
    /// `refused` hears why connections could not be accepted, mostly for want of descriptors.
    /// - Throws: `ListenerError` when the address cannot be listened on.
    package init(
        on address: SocketAddress, limits: Limits = Limits(), handler: any RequestHandler,
        refused: @escaping @EventLoop (ListenerError) -> Void = { _ in }
    ) throws(ListenerError) {
        shared = SharedLimits(limits)
        self.handler = handler
        self.address = address
        let listener = try Listener(
            on: address, accepted: { [unowned self] in accept($0, from: $1) }, refused: refused)
        self.listener = listener
        self.address = listener.address
    }

    private var limits: Limits { shared.value }

    /// Stops accepting, lets requests in work finish, and cuts off those that are not done in time.
    ///
    /// Connections without a request are closed at once. Called again, it waits no longer. Returns how many requests
    /// were cut off.
    package func stop(within time: Duration) async -> Int {
        if !isStopping {
            isStopping = true
            listener?.close()
            listener = nil
            for connection in connections.values { connection.finish() }
            let deadline = ContinuousClock.now.advanced(by: time)
            while !connections.isEmpty, await connectionClosed.wait(until: deadline) {}
        }
        let late = connections.values.count { $0.phase == .working }
        for connection in connections.values { connection.cut() }
        return late
    }

    private func accept(_ socket: consuming Socket, from address: SocketAddress) {
        // What a head needs must fit, or it could never be complete.
        let inputLimit = max(limits.input, limits.head, limits.requestLine)
        guard let stream = try? Stream(socket, inputLimit: inputLimit) else { return }
        let connection = Connection(stream, from: address, limits: shared, handler: handler)
        let identifier = ObjectIdentifier(connection)
        connections[identifier] = connection
        if connections.count >= limits.connections { listener?.pause() }
        connection.start { [weak self] in self?.remove(identifier) }
    }

    private func remove(_ identifier: ObjectIdentifier) {
        if connections.count == limits.connections { listener?.resume() }
        connections[identifier] = nil
        connectionClosed.signal()
    }
}
