package import LibEvent

extension ByteSource {
    /// The whole rest, in memory.
    package func collect() async throws -> [UInt8] {
        var all: [UInt8] = []
        while let piece = try await next() { all += piece }
        return all
    }
}
