import NIOCore

/// A method as one server offers it: its route, and what runs around its calls.
final class ServedMethod: Sendable {
  let descriptor: MethodDescriptor
  /// Nil for a method nobody registered.
  let route: (any Route)?
  let observers: [any MethodObserver]
  let guards: [any CallGuard]
  let interceptors: [any ServerInterceptor]

  init(
    _ descriptor: MethodDescriptor, route: (any Route)?, observers: [any MethodObserver] = [],
    interceptors: [any ServerInterceptor] = []
  ) {
    guards = interceptors.compactMap { $0 as? any CallGuard }
    self.descriptor = descriptor
    self.route = route
    self.observers = observers
    self.interceptors = interceptors.filter { !($0 is any CallGuard) }
  }

  convenience init(_ route: any Route, interceptors: [any ServerInterceptor]) {
    let descriptor = route.descriptor
    self.init(
      descriptor, route: route,
      observers: interceptors.compactMap { ($0 as? any CallObserver)?.observer(of: descriptor) },
      interceptors: interceptors.filter { !($0 is any CallObserver) && $0.applies(to: descriptor) })
  }

  /// Nothing runs between a call of this method and its handler.
  var isBare: Bool { guards.isEmpty && interceptors.isEmpty }

  nonisolated(nonsending) func admit(_ context: ServerContext) async throws {
    for guardian in guards { try await guardian.admit(context) }
  }

  func callStarted(_ context: ServerContext) {
    for observer in observers { observer.callStarted(context) }
  }

  func callEnded(_ context: ServerContext, _ status: Status) {
    guard !observers.isEmpty else { return }
    let duration_ns = Int64((NIODeadline.now() - context.started).nanoseconds)
    for observer in observers { observer.callEnded(context, status, duration_ns: duration_ns) }
  }

  /// Runs `body` inside the interceptors.
  func intercepted(_ context: ServerContext, _ body: (ServerContext) async throws -> Void) async throws {
    try await Self.run(interceptors[...], context, body)
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
