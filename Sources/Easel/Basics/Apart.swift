import LibEvent

/// Runs something in a child task, whose stack goes when it returns.
///
/// A task keeps the most stack that it ever took. What needs much of it, before its caller waits for minutes, runs apart;
/// that costs about a microsecond. Cancelling the caller cancels it.
///
/// Not inlined: the child is made in a kilobyte of this function's frame.
@EventLoop
@inline(never)
func apart<Success: Sendable, Failure: Error>(
    _ work: @escaping @EventLoop @Sendable () async throws(Failure) -> Success
) async throws(Failure) -> Success {
    async let result = result(of: work)
    return try await result.get()
}

@EventLoop
private func result<Success: Sendable, Failure: Error>(
    of work: @EventLoop @Sendable () async throws(Failure) -> Success
) async -> Result<Success, Failure> {
    do throws(Failure) { return .success(try await work()) } catch { return .failure(error) }
}
