import ConversationAPI
package import Logging
package import NIOCore
package import RPC
import TLS
package import WebSocket

/// The phones' door: a WebSocket listener whose sockets are clients of the conversation service.
package final class BridgeServer: Sendable {
  private let listener: WebSocketListener
  private let observer: BridgeObserver

  private init(listener: WebSocketListener, observer: BridgeObserver) {
    self.listener = listener
    self.observer = observer
  }

  /// Listens. `channel` leads to the service, in this process or over a network; `group` runs the sockets.
  package static func start(
    on address: WebSocketAddress, channel: any ClientChannel, credentials: BridgeCredentials,
    settings: BridgeSettings = BridgeSettings(), group: any EventLoopGroup, logger: Logger
  ) async throws -> BridgeServer {
    let observer = BridgeObserver(logger: logger)
    let door = FrontDoor(
      service: ServiceAccess(client: .init(channel), credentials: credentials), settings: settings, observer: observer)
    let pages = settings.servesConsole ? ConsolePages() : nil
    var configuration = WebSocketConfiguration()
    configuration.originPolicy = settings.origins
    configuration.connectionsPerAddress = settings.connectionsPerAddress
    var makeTLSHandler: (@Sendable () throws -> any ChannelHandler)?
    if let tls = settings.tls { makeTLSHandler = { try TLSHandler(context: tls.current) } }
    let tasks = LoopTasks(group: group)
    let service = WebSocketService(
      authorize: { await door.authorize($0) },
      respond: { pages?.respond(to: $0) ?? PlainResponse(status: 404) },
      taskExecutor: { tasks.executor(of: $0) },
      limitReached: { observer.reached($0) })
    let listener = try await WebSocketListener.bind(
      address, group: group, configuration: configuration, makeTLSHandler: makeTLSHandler, service: service)
    return BridgeServer(listener: listener, observer: observer)
  }

  package var localAddress: SocketAddress? { listener.localAddress }

  /// Sends the phones away (1012); new ones are told to come back later (503) until `stop`. Returns at once.
  package func drain() { observer.drain() }

  package var isDraining: Bool { observer.isDraining }

  /// Stops listening, and waits until the phones are gone, at most for `grace`.
  package func stop(grace: TimeAmount) async {
    drain()
    await listener.drain(code: .serviceRestart, grace: grace, reason: Self.retryReason)
  }

  /// Another number for each phone, so that they do not all come back at once.
  static func retryReason() -> String { "retry in \(Int.random(in: Limits.retryAfter_s)) s" }
}
