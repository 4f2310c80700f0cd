import ArgumentParser
import CoreMetrics
import Foundation
import Logging
import NIOCore
import NIOPosix
import Operations
import RPC
import ServiceLifecycle
import TLS
import UnixSignals
import WebSocket
import WebSocketBridge

struct BridgeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bridge", abstract: "Run the phones' WebSocket bridge as a process of its own.",
    discussion: """
      It is a client of the service at --target. Phones come with their own access tokens, which the service checks; for
      everything after that the bridge uses its service token with the scope conversations (`lifeecho token --type
      service`). The file is read at each phone, so that the token can be replaced. bridge/PROTOCOL.md tells what phones say.
      """)

  @Option(help: ArgumentHelp("Where phones connect.", valueName: "host:port | unix:path"))
  var listen = "127.0.0.1:8080"

  @Option(help: ArgumentHelp("The service.", valueName: "host:port | unix:path"))
  var target: String

  @Option(help: ArgumentHelp("File with the service token.", valueName: "file"))
  var serviceTokenFile: String

  @Option(help: ArgumentHelp("TLS certificate chain for the phones, PEM.", valueName: "file"))
  var tlsCert: String?

  @Option(help: ArgumentHelp("Private key of that certificate, PEM.", valueName: "file"))
  var tlsKey: String?

  @Option(help: ArgumentHelp("Speak TLS to the service, and trust the certificates in this file.", valueName: "file"))
  var targetCA: String?

  @Option(help: ArgumentHelp("Web pages that may connect; may be repeated; none: all.", valueName: "origin"))
  var origin: [String] = []

  @Option(
    defaultAsFlag: ServiceConfiguration.ConsoleChoice.on,
    help: ArgumentHelp("Serve the web console at /; auto: on loopback only.", valueName: "auto | on | off"))
  var console: ServiceConfiguration.ConsoleChoice?

  @Option(help: ArgumentHelp("Pause between the pieces of a reply.", valueName: "duration"))
  var piecePause = "500ms"

  @Option(
    help: ArgumentHelp("How long a phone that cannot renew its token stays connected.", valueName: "duration"))
  var legacySessionMax = "24h"

  @Option(help: ArgumentHelp("Phones from one IP address; behind a load balancer 0: no limit.", valueName: "count"))
  var connectionsPerAddress = 2048

  @Option(help: ArgumentHelp("Where /metrics, /healthz and /readyz are.", valueName: "host:port | off"))
  var admin = "off"

  @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"))
  var logLevel = "info"

  func run() async throws {
    CertificateReload.ignoreHangups()
    Allocator.tune()
    Descriptors.raiseLimit()
    try await reportingFailure {
      guard let level = Logger.Level(rawValue: logLevel) else {
        let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        throw CommandFailure("--log-level: '\(logLevel)' is not one of \(known)")
      }
      LogFormat.auto.bootstrap(level: level)
      let registry = PrometheusRegistry()
      MetricsSystem.bootstrap(registry)
      ProcessMetrics.register(in: registry)
      let reload = await CertificateReload(isNeeded: tlsCert != nil || targetCA != nil)
      let authorities = try authorities()
      let channel = try channel(authorities)
      let settings = try settings()
      let process = BridgeProcess(
        listen: try endpoint(listen, "--listen"), admin: try endpoint(admin, "--admin"), channel: channel,
        token: try await ServiceTokenFile(serviceTokenFile, channel), settings: settings,
        certificates: [settings.tls, authorities].compactMap(\.self), reload: reload, registry: registry)
      let group = ServiceGroup(
        configuration: ServiceGroupConfiguration(
          services: [.init(service: process, successTerminationBehavior: .gracefullyShutdownGroup)],
          gracefulShutdownSignals: [.sigint, .sigterm],
          logger: Logger(label: "lifecycle") { _ in SwiftLogNoOpLogHandler() }))
      try await group.run()
    }
  }

  private func endpoint(_ text: String, _ flag: String) throws -> Endpoint {
    try naming(flag) { try Endpoint(parsing: text) }
  }

  private func settings() throws -> BridgeSettings {
    var settings = BridgeSettings()
    settings.piecePause = TimeAmount(try duration(piecePause, "--piece-pause"))
    settings.legacySession = TimeAmount(try duration(legacySessionMax, "--legacy-session-max"))
    settings.origins = OriginPolicy(origin)
    guard connectionsPerAddress >= 0 else { throw CommandFailure("--connections-per-address: must not be negative") }
    settings.connectionsPerAddress = connectionsPerAddress
    settings.servesConsole = (console ?? .auto).isServed(at: try endpoint(listen, "--listen"))
    switch (tlsCert, tlsKey) {
    case (nil, nil): break
    case (let certificate?, let key?):
      settings.tls = try .forBridge(.init(certificateFile: certificate, keyFile: key))
    default: throw CommandFailure("--tls-cert and --tls-key: TLS needs both")
    }
    return settings
  }

  private func duration(_ text: String, _ flag: String) throws -> Duration {
    try naming(flag) { try DurationText.parse(text) }
  }

  private func authorities() throws -> ReloadableTLSContext? {
    guard let targetCA else { return nil }
    return try naming("--target-ca") {
      try ReloadableTLSContext { () throws(TLSFileError) in try TLSContext.client(caFile: targetCA, alpn: .h2) }
    }
  }

  private func channel(_ authorities: ReloadableTLSContext?) throws -> ChannelPool {
    guard let address = ListenAddress(target) else {
      throw CommandFailure("--target \(target): it is neither HOST:PORT nor unix:PATH")
    }
    return ChannelPool(address, tls: authorities, group: MultiThreadedEventLoopGroup.singleton)
  }
}

/// The running bridge.
private struct BridgeProcess: Service {
  let listen: Endpoint
  let admin: Endpoint
  let channel: ChannelPool
  let token: ServiceTokenFile
  let settings: BridgeSettings
  let certificates: [ReloadableTLSContext]
  let reload: CertificateReload
  let registry: PrometheusRegistry

  func run() async throws {
    guard let address = WebSocketAddress(listen) else { throw CommandFailure("--listen: it cannot be off") }
    let group = MultiThreadedEventLoopGroup.singleton
    let logger = Logger(label: "lifeecho.bridge")
    let token = self.token
    let bridge: BridgeServer
    do {
      bridge = try await BridgeServer.start(
        on: address, channel: channel, credentials: BridgeCredentials { try await token.current(isRefused: $0) },
        settings: settings,
        group: group, logger: logger)
    } catch {
      throw CommandFailure("--listen: cannot listen on \(listen): \(error)")
    }
    var lines = ["bridge listening on \(listen.withPort(of: bridge.localAddress))"]
    var adminListener: AdminListener?
    if admin != .off {
      let registry = self.registry
      let probe = ServiceProbe(channel, token)
      let routes = AdminRoutes(
        metrics: { registry.exposition() },
        readinessProblems: { bridge.isDraining ? ["stopping"] : await probe.problems() })
      let listener = try await AdminListener.start(on: admin, routes: routes, group: group)
      lines.append("admin listening on \(listener.endpoint)")
      adminListener = listener
    }
    let reloading = reload.start(certificates, logger: logger)
    lines.append("ready")
    if let problem = Terminal.announce(lines.joined(separator: "\n")) {
      logger.warning("stdout cannot be written", metadata: ["reason": "\(problem)"])
    }
    try await gracefulShutdown()
    logger.notice("stopping")
    reloading?.cancel()
    bridge.drain()
    await bridge.stop(grace: .seconds(5))
    await adminListener?.stop()
    await channel.shutdown()
    logger.notice("stopped")
  }
}
