/// An interceptor that only watches. It is told of calls synchronously, outside all other interceptors whatever its
/// place among them, of unknown methods too; what it sees is the status the client gets.
package protocol CallObserver: ServerInterceptor {
  /// What is told of the calls of one method; asked for once per method, at the start.
  /// - Parameter method: nil for all the methods nobody registered.
  func observer(of method: MethodDescriptor?) -> any MethodObserver
}

extension CallObserver {
  package func intercept(_ context: ServerContext, next: (ServerContext) async throws -> Void) async throws {
    try await next(context)
  }
}

/// Watches the calls of one method. Called on any thread.
package protocol MethodObserver: Sendable {
  func callStarted(_ context: ServerContext)
  func callEnded(_ context: ServerContext, _ status: Status, duration_ns: Int64)
}

extension MethodObserver {
  package func callStarted(_ context: ServerContext) {}
}
