/// Runs around every call of a server, network and in-process alike, the first one outermost.
///
/// `next` throws `Status` and nothing else: errors of the handler are already mapped, and a call that ended early
/// (deadline, cancellation) throws that status. What the interceptor throws is what the client gets.
package protocol ServerInterceptor: Sendable {
  /// True to see calls of unknown methods too (`context.isRegistered` is false); false by default.
  var seesUnregisteredMethods: Bool { get }

  func intercept(_ context: ServerContext, next: (ServerContext) async throws -> Void) async throws
}

extension ServerInterceptor {
  package var seesUnregisteredMethods: Bool { false }
}

/// The interceptors of a server, split once by what they see.
struct InterceptorChain: Sendable {
  private let all: [any ServerInterceptor]
  private let observers: [any ServerInterceptor]
  let isEmpty: Bool

  init(_ interceptors: [any ServerInterceptor]) {
    all = interceptors
    observers = interceptors.filter(\.seesUnregisteredMethods)
    isEmpty = interceptors.isEmpty
  }

  func run(_ context: ServerContext, _ body: (ServerContext) async throws -> Void) async throws {
    try await Self.run(context.isRegistered ? all[...] : observers[...], context, body)
  }

  private static func run(
    _ rest: ArraySlice<any ServerInterceptor>, _ context: ServerContext,
    _ body: (ServerContext) async throws -> Void
  ) async throws {
    guard let first = rest.first else { return try await body(context) }
    try await first.intercept(context) { context in
      try await run(rest.dropFirst(), context, body)
    }
  }
}
