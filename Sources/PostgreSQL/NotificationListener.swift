import CLibPQ

/// What a listener tells its reader.
package enum NotificationEvent: Sendable, Hashable {
  /// Listening now. Also after every reconnect: what was notified meanwhile is lost, so look for yourself.
  case listening
  case notification(payload: String)
}

/// A connection of its own that listens on one channel, and comes back when lost. Pool thread only.
final class NotificationListener {
  /// Marks the tokens of listeners.
  static let tokenBit: UInt64 = 1 << 63

  let channel: String
  let continuation: AsyncStream<NotificationEvent>.Continuation
  var connection: ConnectionHandle?
  var ticket: UInt64?
  var backoff = Backoff()
  /// When to connect; nil while connected or connecting.
  var nextAttempt_ns: UInt64?

  init(channel: String, continuation: AsyncStream<NotificationEvent>.Continuation) {
    self.channel = channel
    self.continuation = continuation
  }

  /// False when the connection is lost.
  func start() -> Bool {
    guard let pointer = connection?.pointer else { return false }
    let quoted =
      "\"" + channel.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    return PQsendQuery(pointer, "LISTEN \(quoted)") == 1 && PQflush(pointer) >= 0
  }

  /// Reads what has come and passes it on. False when the connection is lost.
  func receive() -> Bool {
    guard let pointer = connection?.pointer, PQconsumeInput(pointer) == 1 else { return false }
    while PQisBusy(pointer) == 0, let result = PQgetResult(pointer) {
      let status = PQresultStatus(result)
      PQclear(result)
      guard status == PGRES_COMMAND_OK else { return false }
      backoff.reset()
      continuation.yield(.listening)
    }
    while let notification = PQnotifies(pointer) {
      let payload = notification.pointee.extra.map { String(cString: $0) } ?? ""
      PQfreemem(notification)
      continuation.yield(.notification(payload: payload))
    }
    return PQstatus(pointer) == CONNECTION_OK
  }
}

extension PoolLoop {
  func listen(id: UInt64, channel: String, _ continuation: AsyncStream<NotificationEvent>.Continuation) {
    let listener = NotificationListener(channel: channel, continuation: continuation)
    listeners[id] = listener
    open(listener)
  }

  func unlisten(_ id: UInt64) {
    guard let listener = listeners.removeValue(forKey: id) else { return }
    close(listener)
    listener.continuation.finish()
  }

  func reopenListeners() {
    for listener in listeners.values {
      if let attempt_ns = listener.nextAttempt_ns, attempt_ns <= now_ns { open(listener) }
    }
  }

  private func open(_ listener: NotificationListener) {
    let ticket = makeTicket()
    listener.ticket = ticket
    listener.nextAttempt_ns = nil
    opener.open(.listening) { [inbox] result in inbox.post(.opened(ticket: ticket, result)) }
  }

  func listenerOpened(_ ticket: UInt64, _ result: Result<OpenedConnection, PostgreSQLError>) {
    guard let listener = listeners.values.first(where: { $0.ticket == ticket }) else { return }
    switch result {
    case .success(let opened):
      listener.connection = opened.handle
      poll.add(PQsocket(opened.handle.pointer), token: ticket | NotificationListener.tokenBit)
      if !listener.start() { retry(listener) }
    case .failure:
      retry(listener)
    }
  }

  func listenerReady(_ token: UInt64) {
    let ticket = token & ~NotificationListener.tokenBit
    guard let listener = listeners.values.first(where: { $0.ticket == ticket }), listener.connection != nil else {
      return
    }
    if !listener.receive() { retry(listener) }
  }

  private func retry(_ listener: NotificationListener) {
    close(listener)
    listener.nextAttempt_ns = now_ns &+ listener.backoff.next_ms() * 1_000_000
  }

  private func close(_ listener: NotificationListener) {
    if let connection = listener.connection { poll.remove(PQsocket(connection.pointer)) }
    listener.connection = nil
    listener.ticket = nil
  }
}
