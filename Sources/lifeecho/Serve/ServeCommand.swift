import ArgumentParser
import Operations

struct ServeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve", abstract: "Run the conversation service.",
    discussion: SettingsManual.introduction + "\n\n" + SettingsManual.text)

  @Option(help: ArgumentHelp("Where gRPC listens.", valueName: "host:port | unix:path"))
  var grpc: String?

  @Option(help: ArgumentHelp("Where the phones' WebSocket bridge listens.", valueName: "host:port | off"))
  var bridge: String?

  @Option(
    defaultAsFlag: "on",
    help: ArgumentHelp("Serve the web console at / of the bridge; auto: on loopback.", valueName: "auto | on | off"))
  var console: String?

  @Option(help: ArgumentHelp("Where /metrics, /healthz and /readyz are.", valueName: "host:port | off"))
  var admin: String?

  @Option(help: ArgumentHelp("TLS certificate chain of the TCP listeners, PEM.", valueName: "file"))
  var tlsCert: String?

  @Option(help: ArgumentHelp("Private key of that certificate, PEM.", valueName: "file"))
  var tlsKey: String?

  @Flag(help: "Keep the database in a temporary directory, without fsync: for tests.")
  var ephemeral = false

  @OptionGroup var settings: SettingOptions

  func run() async throws {
    CertificateReload.ignoreHangups()
    Allocator.tune()
    Descriptors.raiseLimit()
    try await reportingFailure {
      var flags: [String: String] = [:]
      if let grpc { flags["grpc.address"] = grpc }
      if let bridge { flags["bridge.address"] = bridge }
      if let console { flags["bridge.console"] = console }
      if let admin { flags["admin.address"] = admin }
      if let tlsCert { flags["tls.cert"] = tlsCert }
      if let tlsKey { flags["tls.key"] = tlsKey }
      if ephemeral { flags["data.ephemeral"] = "true" }
      try await ServiceProcess.run(try settings.configuration(flags))
    }
  }
}
