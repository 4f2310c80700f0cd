import Auth
import Conversation
import Foundation
import Logging
import Metrics
import NIOCore
import NIOPosix
import Operations
import PostgreSQL
import RPC
import ServiceLifecycle
import TLS
import UnixSignals

/// One running server: puts the parts together, says where it listens, and takes them apart in order.
struct ServiceProcess: Service {
  private let configuration: ServiceConfiguration
  private let registry: PrometheusRegistry
  private let logger: Logger

  /// Returns after SIGINT or SIGTERM, when everything is stored and closed.
  static func run(_ configuration: ServiceConfiguration) async throws {
    configuration.log.format.bootstrap(level: configuration.log.level)
    let registry = PrometheusRegistry()
    MetricsSystem.bootstrap(registry)
    ProcessMetrics.register(in: registry)
    let process = ServiceProcess(
      configuration: configuration, registry: registry, logger: Logger(label: "lifeecho"))
    let group = ServiceGroup(
      configuration: ServiceGroupConfiguration(
        services: [.init(service: process, successTerminationBehavior: .gracefullyShutdownGroup)],
        gracefulShutdownSignals: [.sigint, .sigterm],
        logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() }))
    try await group.run()
  }

  func run() async throws {
    let reload = await CertificateReload(isNeeded: configuration.tls != nil)
    let directory = DataDirectory(configuration)
    try directory.create()
    let secret = try directory.secret(configuration, create: true)
    let verifier = try await TokenKeys.load(configuration, secret: secret)
    let tls = try ReloadableTLSContext.forGRPC(configuration.tls)
    let loops = configuration.grpc.eventLoopCount
    let group = MultiThreadedEventLoopGroup(numberOfThreads: loops == 0 ? System.coreCount : loops)
    let database = try await Database.open(
      configuration, environment: ProcessInfo.processInfo.environment, logger: logger)
    do {
      try await serve(
        database, verifier: verifier, secret: secret, tls: tls, group: group, directory: directory, reload: reload)
    } catch {
      await database.close()
      throw error
    }
    await database.close()
    try await group.shutdownGracefully()
  }

  private func serve(
    _ database: Database, verifier: TokenVerifier, secret: TokenSecret, tls: ReloadableTLSContext?,
    group: MultiThreadedEventLoopGroup, directory: DataDirectory, reload: CertificateReload
  ) async throws {
    let application = try await Application(configuration, database: database, group: group, logger: logger)
    let health = HealthRegistry()
    let policy = try application.policy(verifier: verifier, health: health, clock: application.clock)
    let server = GRPCServer(
      configuration: .init(
        addresses: [try ListenAddress(configuration.grpc.address)], tls: tls,
        connectionLimit: Descriptors.connections(most: RPC.Limits.connections),
        connectionIdle: TimeAmount(configuration.grpc.connectionIdle)),
      policy: policy, group: group)
    observe(database, application, server)

    // Turns that a dead server left open go on before new ones come.
    try await application.turns.claim(alone: database.isPrivate)
    if database.isPrivate { application.voice.takeOver() }
    let maintenance = Task { await application.maintenance.run() }
    let admin = try await startAdmin(application, server, group: group)
    let addresses: [ListenAddress]
    let bridge: BridgeInProcess?
    do {
      bridge = try await BridgeInProcess.start(
        configuration, policy: policy, secret: secret, group: group, logger: logger)
      addresses = try await server.start()
    } catch {
      maintenance.cancel()
      await admin?.stop()
      await application.close()
      throw error
    }
    let reloading = reload.start([tls, bridge?.certificates].compactMap(\.self), logger: logger)
    health.setAll(.serving)
    application.readiness.open()
    try announce(
      addresses, admin: admin, bridge: try await bridge?.announcement() ?? [], directory: directory, database: database)

    try await gracefulShutdown()

    logger.notice("stopping")
    reloading?.cancel()
    application.readiness.close()
    health.shutDown()
    if let first = addresses.first { directory.removeAddress(first.description) }
    bridge?.drain()
    application.hub.drain()
    application.voice.drain()
    let grace = configuration.shutdownGrace
    await withTaskGroup(of: Void.self) { tasks in
      tasks.addTask { _ = await server.stop(grace: grace) }
      tasks.addTask {
        await application.turns.stop(grace: max(.zero, grace - .milliseconds(Conversation.Limits.graceMargin_ms)))
        // Calls that wait for turns of other servers, or longer than the grace, are told that these are under way.
        application.hub.endWaits()
      }
    }
    await bridge?.stop()
    maintenance.cancel()
    await maintenance.value
    await application.close()
    await admin?.stop()
    logger.notice("stopped")
  }

  private func startAdmin(
    _ application: Application, _ server: GRPCServer, group: MultiThreadedEventLoopGroup
  ) async throws -> AdminListener? {
    guard configuration.admin != .off else { return nil }
    let registry = self.registry
    let routes = AdminRoutes(metrics: { registry.exposition() }) {
      await application.readinessProblems() + (server.isFull ? ["gRPC: no room for another connection"] : [])
    }
    return try await AdminListener.start(on: configuration.admin, routes: routes, group: group)
  }

  /// One line per listener on stdout, then where the data are when nobody would look there, how to try it, and `ready`.
  private func announce(
    _ addresses: [ListenAddress], admin: AdminListener?, bridge: [String], directory: DataDirectory,
    database: Database
  ) throws {
    var lines = addresses.map { "grpc listening on \($0)" }
    if let admin { lines.append("admin listening on \(admin.endpoint)") }
    lines += bridge
    if let elsewhere = database.elsewhere { lines.append("database in \(elsewhere)") }
    if let first = addresses.first { try directory.writeAddress(first.description) }
    var option = configuration.data.path == "./.lifeecho" ? "" : " --data-dir \(configuration.data.path)"
    if let tls = configuration.tls, case .tcp = configuration.grpc.address {
      option += " --tls-ca \(tls.certificateFile)"
    }
    let me = CommandLine.arguments.first ?? "lifeecho"
    lines.append("try: \(me) token --user demo --create\(option) && \(me) chat --user demo\(option)")
    lines.append("ready")
    if let problem = Terminal.announce(lines.joined(separator: "\n")) {
      logger.warning("stdout cannot be written", metadata: ["reason": "\(problem)"])
    }
  }

  private func observe(_ database: Database, _ application: Application, _ server: GRPCServer) {
    let pool = database.pool
    registry.sample("lifeecho.db.round_trips", labels: [], help: "SQL round trips since the start") {
      Double(pool.statistics.roundTrips)
    }
    registry.sample("lifeecho.db.errors", labels: [], help: "Failed SQL commands since the start") {
      Double(pool.statistics.errors)
    }
    registry.sample("lifeecho.db.connections", labels: [], help: "Open connections to PostgreSQL") {
      Double(pool.statistics.openConnections)
    }
    registry.sample("lifeecho.db.queued", labels: [], help: "SQL commands waiting for a connection") {
      Double(pool.statistics.queued)
    }
    registry.sample("lifeecho.grpc.connections", labels: [], help: "Open connections of gRPC") {
      Double(server.connectionCount)
    }
    let (turns, hub) = (application.turns, application.hub)
    registry.sample("lifeecho.subscribers", labels: [], help: "Open Connect streams") { Double(hub.count) }
    registry.sample("lifeecho.turns.open", labels: [], help: "Turns leased to this server") { Double(turns.openCount) }
  }
}

extension ListenAddress {
  init(_ endpoint: Endpoint) throws {
    switch endpoint {
    case .tcp(let host, let port): self = .tcp(host: host, port: port)
    case .unix(let path): self = .unix(path: path)
    case .off: throw CommandFailure("grpc.address: gRPC cannot be off")
    }
  }
}

extension TurnEngine {
  /// Waits for the running turns, at most for `grace`; the leases of the others run out.
  fileprivate func stop(grace: Duration) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.stop() }
      group.addTask { try? await Task.sleep(for: grace) }
      await group.next()
      group.cancelAll()
    }
  }
}
