package import NIOCore

/// What a listener serves. All closures are called on event loops and must not block.
package struct WebSocketService: Sendable {
  /// Decides about a valid upgrade request before the 101. Whatever it waits for, the whole handshake has 10 s; then
  /// its task is cancelled.
  package var authorize: @Sendable (WebSocketRequest) async -> WebSocketDecision
  /// Answers every request that is no upgrade. The connection is closed after it.
  package var respond: @Sendable (WebSocketRequest) -> PlainResponse
  /// Where `authorize` goes on after it waited for something; it starts on the event loop in any case. One that runs on
  /// the loop saves a thread hop.
  package var taskExecutor: (@Sendable (any EventLoop) -> any TaskExecutor)?
  /// A bound was reached; for metrics.
  package var limitReached: @Sendable (WebSocketLimit) -> Void

  package init(
    authorize: @escaping @Sendable (WebSocketRequest) async -> WebSocketDecision,
    respond: @escaping @Sendable (WebSocketRequest) -> PlainResponse = { _ in PlainResponse(status: 404) },
    taskExecutor: (@Sendable (any EventLoop) -> any TaskExecutor)? = nil,
    limitReached: @escaping @Sendable (WebSocketLimit) -> Void = { _ in }
  ) {
    self.authorize = authorize
    self.respond = respond
    self.taskExecutor = taskExecutor
    self.limitReached = limitReached
  }
}

/// The answer to an upgrade request.
package enum WebSocketDecision: Sendable {
  /// The closure is called on the connection's loop; `opened` follows.
  case accept(@Sendable (WebSocketConnection) -> any WebSocketHandler)
  case refuse(PlainResponse)
}

/// Where a listener listens or a client connects to.
package enum WebSocketAddress: Sendable, Hashable {
  case tcp(host: String, port: Int)
  case unix(path: String)
}
