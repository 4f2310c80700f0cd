import HTTP2
package import NIOCore

/// One connection of a channel. Everything is for its event loop only.
final class ClientConnection: HTTP2ConnectionDelegate {
  private weak var connector: ClientConnector?
  private(set) var handler: HTTP2ConnectionHandler?
  private(set) var isClosed = false
  /// What broke the connection, when something did.
  private(set) var error: (any Error)?
  private let keepalive: ClientKeepalive?
  private var keepaliveTimer: Scheduled<Void>?
  private var isPingUnanswered = false

  init(connector: ClientConnector, keepalive: ClientKeepalive?) {
    self.connector = connector
    self.keepalive = keepalive
  }

  func attach(_ handler: HTTP2ConnectionHandler) {
    self.handler = handler
  }

  func open(_ fields: HeaderFields, _ call: NetworkCall) throws -> HTTP2Stream {
    guard let handler else { throw Status(.unavailable, "the connection is closed") }
    do throws(HTTP2Error) {
      return try handler.openStream(headers: fields, endStream: false, handler: call)
    } catch {
      // After 2³⁰ calls: the next one needs another connection, as after the server's GOAWAY.
      if error == .streamIdentifiersExhausted {
        connector?.connectionEnded(self)
        drain()
      }
      throw error
    }
  }

  func streamClosed() {
    connector?.streamClosed(on: self)
  }

  /// Takes no more calls; closes when the last one ended.
  func drain() {
    handler?.beginGracefulShutdown()
  }

  func close() {
    handler?.close(.noError)
  }

  func accept(_ stream: HTTP2Stream, on: HTTP2ConnectionHandler) -> any HTTP2StreamHandler {
    RefusedPush()
  }

  func connectionReady(_ connection: HTTP2ConnectionHandler) {
    connector?.connected(self)
    if let keepalive { schedule(in: keepalive.interval) { self.sendPing(keepalive) } }
  }

  private func sendPing(_ keepalive: ClientKeepalive) {
    guard let handler else { return }
    guard handler.liveStreamCount > 0 else { return schedule(in: keepalive.interval) { self.sendPing(keepalive) } }
    isPingUnanswered = true
    handler.ping(ClientKeepalive.payload)
    schedule(in: keepalive.timeout) {
      guard !self.isPingUnanswered else { return handler.close(.noError) }
      self.schedule(in: keepalive.interval) { self.sendPing(keepalive) }
    }
  }

  private func schedule(in time: TimeAmount, _ work: @escaping () -> Void) {
    keepaliveTimer = connector?.loop.assumeIsolated().scheduleTask(in: time, work)
  }

  func pingAcknowledged(_ connection: HTTP2ConnectionHandler, _ opaque: UInt64) {
    if opaque == ClientKeepalive.payload { isPingUnanswered = false }
  }

  func goAwayReceived(_ connection: HTTP2ConnectionHandler, lastStreamID: Int32, code: HTTP2ErrorCode) {
    connector?.connectionEnded(self)
    drain()
  }

  func connectionClosed(_ connection: HTTP2ConnectionHandler) {
    isClosed = true
    keepaliveTimer?.cancel()
    error = connection.channelError
    handler = nil
    connector?.connectionEnded(self)
  }
}

/// Finds out that the other side is gone without a word (gRFC A8): PINGs while there are calls; a connection that does
/// not answer one is closed, and its calls end with UNAVAILABLE. Servers of others may forbid frequent ones.
package struct ClientKeepalive: Sendable {
  package var interval: TimeAmount
  package var timeout: TimeAmount

  package init(interval: TimeAmount, timeout: TimeAmount) {
    self.interval = interval
    self.timeout = timeout
  }

  /// Marks our PING ("keepaliv").
  static let payload: UInt64 = 0x6b65_6570_616c_6976
}

/// Servers may not push to us (SETTINGS_ENABLE_PUSH is 0); a stream they open is reset.
private final class RefusedPush: HTTP2StreamHandler {
  func receivedHeaders(_ stream: HTTP2Stream, endStream: Bool) { stream.reset(.refusedStream) }
  func receivedData(_ stream: HTTP2Stream, _ data: ByteBuffer, endStream: Bool) {}
  func receivedTrailers(_ stream: HTTP2Stream, _ trailers: HeaderBlock) {}
  func writabilityChanged(_ stream: HTTP2Stream) {}
  func closed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {}
}
