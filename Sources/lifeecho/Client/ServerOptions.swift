import ArgumentParser
import Auth
import Foundation
import NIOPosix
import Operations
import RPC
import TLS

/// How a command reaches a server, and as whom.
struct ServerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The server; default: the one that runs in the data directory.", valueName: "host:port | unix:path"))
  var server: String?

  @Flag(help: "Speak TLS; the server's certificate must be valid for this machine's trusted authorities.")
  var tls = false

  @Option(help: ArgumentHelp("Speak TLS, and trust the certificates in this PEM file instead.", valueName: "file"))
  var tlsCA: String?

  @Option(help: ArgumentHelp("Whom the server's certificate is for; default: the host.", valueName: "name"))
  var tlsServerName: String?

  @OptionGroup var settings: SettingOptions

  /// Runs `body` with a channel that is closed afterwards.
  func withChannel<R>(_ body: (any ClientChannel) async throws -> R) async throws -> R {
    let configuration = try settings.configuration()
    let text = try server ?? DataDirectory(configuration).readAddress() ?? defaultAddress(configuration)
    guard let address = ListenAddress(text) else {
      throw CommandFailure("--server \(text): it is neither HOST:PORT nor unix:PATH")
    }
    let channel = NetworkChannel(
      address, tls: try tlsContext(), serverName: tlsServerName, group: MultiThreadedEventLoopGroup.singleton)
    do {
      let result = try await body(channel)
      await channel.shutdown()
      return result
    } catch let status as Status where status.code == .unavailable && status.details.isEmpty {
      // The address once is enough.
      let reason = status.message.replacing("cannot connect to \(address): ", with: "")
      throw CommandFailure("no answer from \(text): \(reason); is `lifeecho serve` running?")
    }
  }

  private func tlsContext() throws -> ReloadableTLSContext? {
    guard tls || tlsCA != nil || tlsServerName != nil else { return nil }
    do {
      return ReloadableTLSContext(try TLSContext.client(caFile: tlsCA, alpn: .h2))
    } catch {
      throw CommandFailure("--tls-ca: \(error)")
    }
  }

  private func defaultAddress(_ configuration: ServiceConfiguration) throws -> String {
    configuration.grpc.address.description
  }

  /// A token signed with the server's secret.
  func token(user: String?, scopes: Set<Scope> = [], ttl: Duration) async throws -> String {
    let configuration = try settings.configuration()
    let secret = try DataDirectory(configuration).secret(configuration, create: false)
    let issuer = await TokenIssuer(
      secret: secret, issuer: configuration.jwt.issuer, audience: configuration.jwt.audience)
    return try await issuer.issue(
      user: user, type: scopes.isEmpty ? .access : .service, scopes: scopes, ttl: ttl)
  }
}

extension CallOptions {
  init(token: String, timeout: Duration? = nil) {
    self.init(metadata: ["authorization": "Bearer \(token)"], timeout: timeout)
  }
}
