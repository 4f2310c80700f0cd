package import NIOCore
import NIOHTTP1
import NIOPosix
import Sockets
import Synchronization

/// Listens for WebSocket connections. From any thread.
package final class WebSocketListener: Sendable {
  private let channel: any Channel
  private let server: WebSocketServer

  private init(channel: any Channel, server: WebSocketServer) {
    self.channel = channel
    self.server = server
  }

  /// Throws when the address cannot be had. A stale Unix socket file is replaced. `makeTLSHandler` makes the handler
  /// next to the socket; it must hold back `channelActive` until its handshake is done.
  package static func bind(
    _ address: WebSocketAddress, group: any EventLoopGroup, configuration: WebSocketConfiguration = .init(),
    makeTLSHandler: (@Sendable () throws -> any ChannelHandler)? = nil, service: WebSocketService
  ) async throws -> WebSocketListener {
    let server = WebSocketServer(configuration: configuration, service: service)
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 4_096)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .pausingWithoutRoom { service.limitReached(.descriptors) }
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try server.initialize(channel, makeTLSHandler) }
      }
    let channel =
      switch address {
      case .tcp(let host, let port): try await bootstrap.bind(host: host, port: port).get()
      case .unix(let path):
        try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
      }
    return WebSocketListener(channel: channel, server: server)
  }

  /// What was bound: the port, when 0 was asked for.
  package var localAddress: SocketAddress? { channel.localAddress }

  /// Open WebSockets, handshakes not counted.
  package var connectionCount: Int { server.counts.upgradedCount }

  /// Accepts nothing more; handshakes under way are answered with 503. Open connections live on.
  package func stopAccepting() async {
    try? await channel.close().get()
    await server.onEachLoop { $0.isRefusing = true }
  }

  /// `stopAccepting`, then a close frame with `code` and a reason of its own on each connection; returns when all are
  /// gone, at the latest after `grace`, when the rest is dropped.
  package func drain(
    code: WebSocketCloseCode = .serviceRestart, grace: TimeAmount = .seconds(10),
    reason: @escaping @Sendable () -> String = { "" }
  ) async {
    await stopAccepting()
    await server.onEachLoop { loop in
      for entry in loop.entries { entry.drain(code, reason: reason()) }
    }
    await server.counts.waitUntilEmpty(on: channel.eventLoop, atMost: grace)
    await stop()
  }

  /// Ends everything at once, without close frames.
  package func stop() async {
    await stopAccepting()
    await server.onEachLoop { loop in
      for entry in loop.entries { entry.drop() }
    }
  }
}

/// What the sockets of a listener have in common, on all loops.
final class WebSocketServer: Sendable {
  let settings: SessionSettings
  let service: WebSocketService
  let counts: ConnectionCounts
  private let loops = Mutex<[ObjectIdentifier: WebSocketLoop]>([:])

  init(configuration: WebSocketConfiguration, service: WebSocketService) {
    settings = SessionSettings(configuration)
    self.service = service
    counts = ConnectionCounts(configuration)
  }

  /// Makes a socket that was accepted ready for its handshake. On its loop.
  func initialize(_ channel: any Channel, _ makeTLSHandler: (@Sendable () throws -> any ChannelHandler)?) throws {
    let loop = self.loop(for: channel.eventLoop)
    let addressKey = AddressKey(channel.remoteAddress)
    var overLimit: WebSocketLimit?
    switch counts.admit(addressKey) {
    case .admitted: break
    case .refused(let limit): overLimit = limit
    case .dropped(let limit):
      counts.release(addressKey, isUpgraded: false)
      service.limitReached(limit)
      throw ChannelError.connectTimeout(.zero)
    }
    do {
      try channel.prepareForWebSocket(loop, isEncrypted: makeTLSHandler != nil)
      let pipeline = channel.pipeline.syncOperations
      if let makeTLSHandler { try pipeline.addHandler(try makeTLSHandler()) }
      try pipeline.addHandler(Self.parser(settings.configuration))
      try pipeline.addHandler(
        ServerHandshake(
          service: service, loop: loop, isSecure: makeTLSHandler != nil, addressKey: addressKey, overLimit: overLimit))
    } catch {
      counts.release(addressKey, isUpgraded: false)
      throw error
    }
  }

  private static func parser(_ configuration: WebSocketConfiguration) -> ByteToMessageHandler<HTTPRequestDecoder> {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = min(Limits.headerField_bytes, configuration.request_bytes)
    limits.maxHeaderListSize = configuration.request_bytes
    limits.maxHeaderFieldCount = configuration.headerFields
    return ByteToMessageHandler(
      HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits),
      maximumBufferSize: configuration.request_bytes)
  }

  private func loop(for eventLoop: any EventLoop) -> WebSocketLoop {
    loops.withLock { loops in
      if let loop = loops[ObjectIdentifier(eventLoop)] { return loop }
      let loop = WebSocketLoop(
        eventLoop: eventLoop, settings: settings, counts: counts, limitReached: service.limitReached)
      loops[ObjectIdentifier(eventLoop)] = loop
      return loop
    }
  }

  /// Calls `body` once for each loop, on it.
  func onEachLoop(_ body: @escaping @Sendable (WebSocketLoop) -> Void) async {
    let loops = loops.withLock { Array($0.values) }
    for loop in loops { try? await loop.eventLoop.submit { body(loop) }.get() }
  }
}

extension Channel {
  /// The socket options that a WebSocket is tuned for. On the channel's loop.
  func prepareForWebSocket(_ loop: WebSocketLoop, isEncrypted: Bool) throws {
    guard let options = syncOptions else { return }
    let configuration = loop.settings.configuration
    try options.setOption(.maxMessagesPerRead, value: 1)
    try options.setOption(
      .recvAllocator,
      value: isEncrypted
        ? TransientReadAllocator() : SharedReadAllocator(loop.readBuffer, first_bytes: Limits.firstRead_bytes))
    try options.setOption(
      .writeBufferWaterMark,
      value: ChannelOptions.Types.WriteBufferWaterMark(
        low: configuration.lowWatermark_bytes, high: configuration.highWatermark_bytes))
    // Not every socket is TCP; a Unix socket refuses these.
    try? options.setOption(.tcpOption(.tcp_nodelay), value: 1)
    try? options.setOption(.tcpOption(.unsentLowWatermark), value: .init(Limits.unsent_bytes))
  }
}

extension NIOBSDSocket.Option {
  /// TCP_NOTSENT_LOWAT (tcp(7)): NIO has no name for it.
  fileprivate static let unsentLowWatermark = NIOBSDSocket.Option(rawValue: 25)
}
