import HTTP2
import Logging
import NIOCore
import NIOPosix
import TLS

/// Keeps the connection of a channel, and the calls that wait for one.
///
/// `@unchecked Sendable`: its state is touched on `loop` only; the constants are safe anywhere.
final class ClientConnector: @unchecked Sendable {
  let loop: any EventLoop
  let executor: LoopExecutor
  let authority: String
  private let address: ListenAddress
  private let http2: HTTP2Configuration
  private let keepalive: ClientKeepalive?
  private let tls: ReloadableTLSContext?
  private let serverName: String
  private var state: ConnectivityState
  private var waiting: [NetworkCall] = []
  private var connecting: ClientConnection?
  private(set) var connection: ClientConnection?
  private var draining: [ClientConnection] = []
  private var lastError = ""
  private lazy var queue = DeadlineQueue.current(loop)

  init(
    address: ListenAddress, authority: String?, http2: HTTP2Configuration, tls: ReloadableTLSContext?,
    serverName: String?,
    keepalive: ClientKeepalive?, reconnectMaximum_s: Double, loop: any EventLoop
  ) {
    self.keepalive = keepalive
    state = ConnectivityState(reconnectMaximum_s: reconnectMaximum_s)
    self.address = address
    self.authority = authority ?? address.authority
    self.http2 = http2
    self.tls = tls
    self.serverName = serverName ?? Self.host(of: self.authority)
    self.loop = loop
    executor = LoopExecutor.for(loop)
  }

  var deadlines: DeadlineQueue { queue }
  var isSecure: Bool { tls != nil }

  // MARK: Calls

  func start(_ call: NetworkCall) {
    loop.assertInEventLoop()
    switch state.callStarted(waitForReady: call.options.waitForReady) {
    case .use:
      guard let connection, waiting.isEmpty else { return enqueue(call) }
      guard call.open(on: connection) == .later else { return }
      // The connection may have turned out to be at its end; then another is due.
      if self.connection === connection { enqueue(call) } else { start(call) }
    case .wait:
      enqueue(call)
    case .connectAndWait:
      enqueue(call)
      connect()
    case .failFast:
      call.abort(unreachable)
    case .refuse:
      call.abort(Status(.unavailable, "the channel is shut down"))
    }
  }

  private func enqueue(_ call: NetworkCall) {
    waiting.removeAll { !$0.isWaiting }
    guard waiting.count < Limits.waitingCalls else {
      return call.abort(Status(.unavailable, "too many calls wait for a connection to \(address)"))
    }
    waiting.append(call)
  }

  /// Without the port and without brackets.
  private static func host(of authority: String) -> String {
    guard case .tcp(let host, _)? = ListenAddress(authority) else { return authority }
    return host
  }

  private struct ClosedEarly: Error, CustomStringConvertible {
    let description = "the server closed the connection before it sent SETTINGS"
  }

  private var unreachable: Status {
    Status(.unavailable, "cannot connect to \(address): \(lastError)")
  }

  // MARK: Connecting

  private func connect() {
    let connection = ClientConnection(connector: self, keepalive: keepalive)
    connecting = connection
    let bound = NIOLoopBound(connection, eventLoop: loop)
    let http2 = self.http2
    let tls = self.tls?.current
    let serverName = self.serverName
    let bootstrap = ClientBootstrap(group: loop)
      .connectTimeout(.seconds(Limits.connectTimeout_s))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls {
            try channel.pipeline.syncOperations.addHandler(TLSHandler(context: tls, serverName: serverName))
          }
          bound.value.attach(
            try HTTP2ConnectionHandler.install(
              on: channel, role: .client, configuration: http2, isEncrypted: tls != nil, delegate: bound.value))
        }
      }
    let future =
      switch address {
      case .tcp(let host, let port): bootstrap.connect(host: host, port: port)
      case .unix(let path): bootstrap.connect(unixDomainSocketPath: path)
      }
    future.hop(to: loop).whenComplete { result in
      if case .failure(let error) = result { self.connectFailed(error) }
    }
  }

  /// The server's SETTINGS arrived: its limits are known.
  func connected(_ new: ClientConnection) {
    switch state.connected() {
    case .close:
      new.close()
    case .dispatch:
      connecting = nil
      connection = new
      dispatch(to: new)
    }
  }

  /// Opens waiting calls while the server takes more.
  private func dispatch(to connection: ClientConnection) {
    var rest = waiting[...]
    while let call = rest.popFirst() {
      if call.isWaiting, call.open(on: connection) == .later {
        rest.insert(call, at: rest.startIndex)
        break
      }
    }
    waiting = Array(rest)
  }

  /// A stream ended, so that the server may take another.
  func streamClosed(on connection: ClientConnection) {
    if self.connection === connection, !waiting.isEmpty { dispatch(to: connection) }
  }

  private func connectFailed(_ error: any Error) {
    lastError = ConnectFailure.reason(error)
    connecting = nil
    guard case .backOff(let seconds) = state.connectFailed(random: .random(in: -1...1)) else { return }
    loop.scheduleTask(in: .milliseconds(Int64(seconds * 1000))) { self.backoffElapsed() }
    let failing = waiting.filter { !$0.options.waitForReady }
    waiting.removeAll { !$0.options.waitForReady }
    for call in failing { call.abort(unreachable) }
  }

  private func backoffElapsed() {
    waiting.removeAll { !$0.isWaiting }
    if state.backoffElapsed(callsWait: !waiting.isEmpty) == .connect { connect() }
  }

  /// The connection was closed, or the server sent GOAWAY: new calls need another.
  func connectionEnded(_ ended: ClientConnection) {
    loop.assertInEventLoop()
    draining.removeAll { $0 === ended && ended.isClosed }
    if connecting === ended, ended.isClosed { return connectFailed(ended.error ?? ClosedEarly()) }
    guard connection === ended else { return }
    connection = nil
    if !ended.isClosed { draining.append(ended) }
    if state.connectionLost(callsWait: !waiting.isEmpty) == .connect { connect() }
  }

  // MARK: Shutdown

  /// Fails waiting calls with UNAVAILABLE, and closes the connection: at once, or when its calls have ended.
  func shutdown(immediately: Bool) {
    loop.assertInEventLoop()
    state.shutdown()
    let calls = waiting
    waiting = []
    for call in calls { call.abort(Status(.unavailable, "the channel is shut down")) }
    let current = connection
    connection = nil
    if let current { draining.append(current) }
    connecting?.close()
    connecting = nil
    for connection in draining {
      if immediately { connection.close() } else { connection.drain() }
    }
  }
}
