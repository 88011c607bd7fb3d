import Glibc
import LibEvent
package import Testing

/// Gives the tests of a suite an event loop on a thread of its own.
package struct EventLoopTrait: SuiteTrait, TestTrait, TestScoping {
    private static let thread: Void = {
        var thread = pthread_t()
        unsafe pthread_create(
            &thread, nil,
            { _ in
                EventLoop.run()
                return nil
            }, nil)
    }()

    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        _ = Self.thread
        try await function()
    }
}

extension Trait where Self == EventLoopTrait {
    /// The tests may use `@EventLoop` code.
    package static var onEventLoop: Self { Self() }
}
