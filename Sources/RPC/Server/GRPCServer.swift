package import HTTP2
import Logging
package import NIOCore
import NIOPosix
import Sockets
import Synchronization
package import TLS

/// A gRPC server on one or more addresses. All methods are safe from any thread.
package final class GRPCServer: Sendable {
  package struct Configuration: Sendable {
    package var addresses: [ListenAddress]
    /// Of the TCP addresses, nil for plaintext; its ALPN must have `h2`. Unix sockets are protected by their permissions.
    package var tls: ReloadableTLSContext?
    /// Permissions of Unix sockets.
    package var unixSocketMode: Int
    /// Connections at one time, over all addresses; more are closed at once.
    package var connectionLimit: Int
    /// Who has had no call for this time is sent away, at the latest after twice the time.
    package var connectionIdle: TimeAmount
    /// How often a full server makes room (`Limits.room_s`).
    package var roomInterval: TimeAmount
    package var http2: HTTP2Configuration

    package init(
      addresses: [ListenAddress], tls: ReloadableTLSContext? = nil, unixSocketMode: Int = 0o660,
      connectionLimit: Int = Limits.connections, connectionIdle: TimeAmount = .seconds(Limits.connectionIdle_s),
      roomInterval: TimeAmount = .seconds(Limits.room_s), http2: HTTP2Configuration = HTTP2Configuration()
    ) {
      self.addresses = addresses
      self.tls = tls
      self.unixSocketMode = unixSocketMode
      self.connectionLimit = connectionLimit
      self.connectionIdle = connectionIdle
      self.roomInterval = roomInterval
      self.http2 = http2
    }
  }

  /// Why the server could not listen, in words for an operator.
  package struct StartError: Error, CustomStringConvertible {
    package let address: ListenAddress
    package let reason: String

    package var description: String { "cannot listen on \(address): \(reason)" }
  }

  private struct Listener {
    let channel: any Channel
    let address: ListenAddress
  }

  private let configuration: Configuration
  private let policy: ServerPolicy
  private let group: any EventLoopGroup
  private let registry: ConnectionRegistry
  private let listeners = Mutex<[Listener]>([])
  private let sweeps = Mutex<[RepeatedTask]>([])

  package init(configuration: Configuration, policy: ServerPolicy, group: any EventLoopGroup) {
    self.configuration = configuration
    self.policy = policy
    self.group = group
    registry = ConnectionRegistry(limit: configuration.connectionLimit, logger: policy.logger)
  }

  /// Listens on all addresses, or on none. Returns them with the ports really bound.
  ///
  /// - Throws: `StartError`.
  package func start() async throws -> [ListenAddress] {
    do {
      for address in configuration.addresses {
        let listener = try await bind(address)
        listeners.withLock { $0.append(listener) }
      }
    } catch {
      await stopListening()
      throw error
    }
    startSweeps()
    return listeners.withLock { $0.map(\.address) }
  }

  /// Stops accepting, tells clients to go (two-step GOAWAY), lets calls finish for `grace`, then cancels what is left
  /// and waits a little for its handlers, which are expected to return when cancelled.
  ///
  /// Returns the number of connections that had to be closed at the end of the grace period.
  @discardableResult
  package func stop(grace: Duration) async -> Int {
    await stopListening()
    for sweep in sweeps.withLock({ $0 }) { sweep.cancel() }
    for connection in registry.stop() {
      connection.loop.execute { connection.beginGracefulShutdown() }
    }
    let registry = self.registry
    let closed = Atomic<Int>(0)
    let killer = Task {
      try await Task.sleep(for: grace)
      let left = registry.all
      closed.store(left.count, ordering: .relaxed)
      for connection in left {
        connection.loop.execute { connection.close() }
      }
      try await Task.sleep(for: .seconds(Limits.cancelledHandlers_s))
      registry.stopWaiting()
    }
    await registry.waitUntilEmpty()
    killer.cancel()
    return closed.load(ordering: .relaxed)
  }

  /// Open connections.
  package var connectionCount: Int { registry.count }

  /// Whether new connections are refused for want of room.
  package var isFull: Bool { registry.isFull }

  /// Connections and running handlers now: both 0 after `stop`.
  package func liveCounts() async -> (connections: Int, handlers: Int) {
    let connections = registry.all
    var handlers = 0
    for connection in connections {
      handlers += (try? await connection.loop.submit { connection.runningHandlers }.get()) ?? 0
    }
    return (connections.count, handlers)
  }

  private func startSweeps() {
    let registry = self.registry
    let loop = group.next()
    let idle = configuration.connectionIdle
    let room = configuration.roomInterval
    sweeps.withLock { sweeps in
      sweeps = [
        loop.scheduleRepeatedTask(initialDelay: idle, delay: idle) { _ in registry.closeUnused() },
        loop.scheduleRepeatedTask(initialDelay: room, delay: room) { _ in registry.makeRoom() },
      ]
    }
  }

  private func stopListening() async {
    let closing = listeners.withLock { listeners in
      defer { listeners = [] }
      return listeners
    }
    for listener in closing {
      try? await listener.channel.close().get()
      if case .unix(let path) = listener.address { UnixSocketFile.remove(path) }
    }
  }

  private func bind(_ address: ListenAddress) async throws -> Listener {
    let policy = self.policy
    let registry = self.registry
    let http2 = configuration.http2
    let tls = address.isTCP ? configuration.tls : nil
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 4096)
      .pausingWithoutRoom { registry.refused(.descriptors) }
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let peer = channel.remoteAddress?.peerName ?? "unknown:"
          let connection = ServerConnection(policy: policy, loop: channel.eventLoop, peer: peer, registry: registry)
          guard registry.add(connection) else { throw ChannelError.ioOnClosedChannel }
          do {
            if let tls { try channel.pipeline.syncOperations.addHandler(TLSHandler(context: tls.current)) }
            connection.attach(
              try HTTP2ConnectionHandler.install(
                on: channel, role: .server, configuration: http2, isEncrypted: tls != nil, delegate: connection))
          } catch {
            registry.remove(connection)
            throw error
          }
        }
      }
    switch address {
    case .tcp(let host, let port):
      let channel = try await describing(address) {
        try await bootstrap.keepingAlive().serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
          .bind(host: host, port: port).get()
      }
      return Listener(channel: channel, address: .tcp(host: host, port: channel.localAddress?.port ?? port))
    case .unix(let path):
      try await UnixSocketFile.prepare(path, group: group)
      let channel = try await describing(address) {
        try await bootstrap.bind(unixDomainSocketPath: path).get()
      }
      try UnixSocketFile.setMode(configuration.unixSocketMode, path)
      return Listener(channel: channel, address: address)
    }
  }

  private func describing<R: Sendable>(_ address: ListenAddress, _ body: () async throws -> R) async throws -> R {
    do {
      return try await body()
    } catch let error as IOError where error.errnoCode == EADDRINUSE {
      throw StartError(address: address, reason: "the address is in use; choose another port, or stop that server")
    } catch let error as IOError where error.errnoCode == EACCES {
      throw StartError(address: address, reason: "permission denied")
    } catch let error as IOError where error.errnoCode == EADDRNOTAVAIL {
      throw StartError(address: address, reason: "this machine has no such address")
    } catch {
      throw StartError(address: address, reason: "\(error)")
    }
  }
}

extension ServerBootstrap {
  /// Peers that vanish without a word are noticed by the kernel.
  fileprivate func keepingAlive() -> ServerBootstrap {
    childChannelOption(.socketOption(.so_keepalive), value: 1)
      .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPIDLE)), value: Limits.keepaliveIdle_s)
      .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPINTVL)), value: Limits.keepaliveInterval_s)
      .childChannelOption(.tcpOption(.init(rawValue: TCP_KEEPCNT)), value: Limits.keepaliveProbes)
  }
}
