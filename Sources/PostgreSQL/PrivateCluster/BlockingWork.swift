import Foundation

/// Runs blocking work on a thread of its own, so that neither an event loop nor a cooperative thread waits for it.
enum BlockingWork {
  static func run<R: Sendable>(
    _ body: @escaping @Sendable () throws(PrivateClusterError) -> R
  ) async throws(PrivateClusterError) -> R {
    let result: Result<R, PrivateClusterError> = await withCheckedContinuation { continuation in
      let thread = Thread { continuation.resume(returning: Result(catching: body)) }
      thread.name = "pg-cluster"
      thread.start()
    }
    return try result.get()
  }
}
