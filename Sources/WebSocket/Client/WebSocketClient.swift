package import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Opens WebSocket connections, for tools and tests. From any thread.
package final class WebSocketClient: Sendable {
  package enum Failure: Error, Hashable {
    /// The server answered with this status instead of 101.
    case refused(status: Int)
    /// The server's 101 is not a valid answer (RFC 6455 §4.1).
    case invalidAnswer
    case connectionClosed
    case timedOut
  }

  private let group: any EventLoopGroup
  private let settings: SessionSettings
  private let loops = Mutex<[ObjectIdentifier: WebSocketLoop]>([:])

  package init(group: any EventLoopGroup, configuration: WebSocketConfiguration = .init()) {
    self.group = group
    settings = SessionSettings(configuration)
  }

  /// `target` is path and query as they go into the request. The handler is made on the connection's loop.
  package func connect(
    to address: WebSocketAddress, target: String, host: String = "localhost",
    headers: [(name: String, value: String)] = [],
    makeTLSHandler: (@Sendable () throws -> any ChannelHandler)? = nil,
    handler: @escaping @Sendable (WebSocketConnection) -> any WebSocketHandler
  ) async throws -> WebSocketConnection {
    let eventLoop = group.next()
    let opened = eventLoop.makePromise(of: WebSocketConnection.self)
    let loop = self.loop(for: eventLoop)
    let bootstrap = ClientBootstrap(group: eventLoop).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.prepareForWebSocket(loop, isEncrypted: makeTLSHandler != nil)
        let pipeline = channel.pipeline.syncOperations
        if let makeTLSHandler { try pipeline.addHandler(try makeTLSHandler()) }
        try pipeline.addHandler(HTTPRequestEncoder())
        try pipeline.addHandler(ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes)))
        try pipeline.addHandler(
          ClientHandshake(
            loop: loop, target: target, host: host, headers: headers, opened: opened, makeHandler: handler))
      }
    }
    do {
      switch address {
      case .tcp(let host, let port): _ = try await bootstrap.connect(host: host, port: port).get()
      case .unix(let path): _ = try await bootstrap.connect(unixDomainSocketPath: path).get()
      }
    } catch {
      opened.fail(error)
    }
    return try await opened.futureResult.get()
  }

  private func loop(for eventLoop: any EventLoop) -> WebSocketLoop {
    loops.withLock { loops in
      if let loop = loops[ObjectIdentifier(eventLoop)] { return loop }
      let loop = WebSocketLoop(eventLoop: eventLoop, settings: settings)
      loops[ObjectIdentifier(eventLoop)] = loop
      return loop
    }
  }
}
