package import NIOCore
import NIOHTTP1
import NIOPosix
import Sockets
import Synchronization

/// Serves /metrics, /healthz and /readyz over HTTP/1.1 on its own port, for operators and their machines.
package final class AdminListener: Sendable {
  /// Where it listens; the port is the real one when 0 was asked for.
  package let endpoint: Endpoint
  private let channel: any Channel

  private init(channel: any Channel, endpoint: Endpoint) {
    self.channel = channel
    self.endpoint = endpoint
  }

  /// Binds and serves at once.
  /// - Throws: `ConfigurationError` with the reason in one line (port in use, no such address, …).
  package static func start(
    on endpoint: Endpoint, routes: AdminRoutes, group: any EventLoopGroup
  ) async throws(ConfigurationError) -> AdminListener {
    let connections = ConnectionCount()
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 64)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .pausingWithoutRoom()
      .childChannelInitializer { channel in
        guard connections.enter() else { return channel.close() }
        channel.closeFuture.whenComplete { _ in connections.leave() }
        return channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withPipeliningAssistance: true, withErrorHandling: true,
            withEncoderConfiguration: .init(), withDecoderLimitConfiguration: Self.decoderLimits)
          try channel.pipeline.syncOperations.addHandler(AdminConnection(routes: routes))
        }
      }
    do {
      switch endpoint {
      case .tcp(let host, let port):
        let channel = try await bootstrap.bind(host: host, port: port).get()
        return AdminListener(
          channel: channel, endpoint: .tcp(host: host, port: channel.localAddress?.port ?? port))
      case .unix(let path):
        let channel = try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
        return AdminListener(channel: channel, endpoint: endpoint)
      case .off:
        throw ConfigurationError("admin.address: the listener is off")
      }
    } catch let error as ConfigurationError {
      throw error
    } catch {
      throw ConfigurationError("admin.address: cannot listen on \(endpoint): \(error)")
    }
  }

  private static var decoderLimits: NIOHTTPDecoderLimitConfiguration {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = Limits.adminHeaderBytes
    limits.maxHeaderListSize = Limits.adminHeaderBytes
    limits.maxHeaderFieldCount = Limits.adminHeaderFields
    return limits
  }

  package func stop() async {
    try? await channel.close().get()
  }
}

private final class ConnectionCount: Sendable {
  private let count = Atomic<Int>(0)

  func enter() -> Bool {
    guard count.wrappingAdd(1, ordering: .relaxed).oldValue < Limits.adminConnections else {
      leave()
      return false
    }
    return true
  }

  func leave() {
    count.wrappingSubtract(1, ordering: .relaxed)
  }
}
