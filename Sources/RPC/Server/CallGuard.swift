/// An interceptor that only decides whether a call may begin. Guards run before all other interceptors whatever their
/// place among them, in their order; they are not told of the call's end, and an open stream keeps nothing of them.
package protocol CallGuard: ServerInterceptor {
  /// Throws the status of a call that may not begin.
  func admit(_ context: ServerContext) async throws
}

extension CallGuard {
  package func intercept(_ context: ServerContext, next: (ServerContext) async throws -> Void) async throws {
    try await admit(context)
    try await next(context)
  }
}
