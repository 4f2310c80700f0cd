/// Runs around every call of a server, network and in-process alike, the first one outermost.
///
/// `next` throws `Status` and nothing else: errors of the handler are already mapped, and a call that ended early
/// (deadline, cancellation) throws that status. What the interceptor throws is what the client gets.
package protocol ServerInterceptor: Sendable {
  /// True to see calls of unknown methods too (`context.isRegistered` is false); false by default.
  var seesUnregisteredMethods: Bool { get }

  /// False for methods whose calls it would only pass on; true by default. Asked once per method, at the start: such
  /// calls are spared the way through it.
  func applies(to method: MethodDescriptor) -> Bool

  func intercept(_ context: ServerContext, next: (ServerContext) async throws -> Void) async throws
}

extension ServerInterceptor {
  package var seesUnregisteredMethods: Bool { false }
  package func applies(to method: MethodDescriptor) -> Bool { true }
}
