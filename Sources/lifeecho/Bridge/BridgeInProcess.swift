import Auth
import ConversationAPI
import Logging
import NIOCore
import NIOPosix
import Operations
import RPC
import Synchronization
import TLS
import WebSocket
import WebSocketBridge

/// The bridge inside `lifeecho serve`: an ordinary client of the service, over the in-process channel.
struct BridgeInProcess {
  private let server: BridgeServer
  private let endpoint: Endpoint
  private let tls: ServiceConfiguration.TLS?
  /// nil for plaintext.
  let certificates: ReloadableTLSContext?
  private let channel: InProcessChannel
  private let issuer: TokenIssuer
  private let servesConsole: Bool

  /// nil when it is off. Throws one line that says what is wrong.
  static func start(
    _ configuration: ServiceConfiguration, policy: ServerPolicy, secret: TokenSecret,
    group: MultiThreadedEventLoopGroup, logger: Logger
  ) async throws -> BridgeInProcess? {
    guard let address = WebSocketAddress(configuration.bridge.address) else { return nil }
    let issuer = await TokenIssuer(
      secret: secret, issuer: configuration.jwt.issuer, audience: configuration.jwt.audience)
    let channel = InProcessChannel(policy: policy, group: group)
    var settings = BridgeSettings(configuration.bridge)
    if case .tcp = configuration.bridge.address { settings.tls = try .forBridge(configuration.tls) }
    let token = IssuedServiceToken(issuer: issuer)
    do {
      let server = try await BridgeServer.start(
        on: address, channel: channel, credentials: BridgeCredentials { try await token.current(isRefused: $0) },
        settings: settings, group: group, logger: logger)
      return BridgeInProcess(
        server: server, endpoint: configuration.bridge.address.withPort(of: server.localAddress),
        tls: settings.tls == nil ? nil : configuration.tls, certificates: settings.tls, channel: channel,
        issuer: issuer,
        servesConsole: settings.servesConsole)
    } catch {
      throw CommandFailure("bridge.address: cannot listen on \(configuration.bridge.address): \(error)")
    }
  }

  /// For stdout: where it listens, and the console's address with a token of the user `demo`, whom this makes.
  func announcement() async throws -> [String] {
    var lines = ["bridge listening on \(endpoint)"]
    guard servesConsole, endpoint.isLoopback else { return lines }
    let service = try await issuer.issue(user: nil, type: .service, scopes: [.users], ttl: .seconds(60))
    _ = try await UserV1.UserServiceClient(channel).upsertUser(
      UserV1.UpsertUserRequest(user: UserV1.User(userID: Self.demoUser)),
      options: CallOptions(token: service, timeout: .seconds(10)))
    let token = try await issuer.issue(user: Self.demoUser, ttl: .seconds(12 * 3600))
    lines.append("console: \(tls == nil ? "http" : "https")://\(endpoint)/#token=\(token)")
    return lines
  }

  private static let demoUser = "demo"

  /// Sends the phones away; new ones are told to come back later.
  func drain() { server.drain() }

  func stop() async { await server.stop(grace: .seconds(5)) }
}

/// A service token of this process's own, renewed at half its life.
private final class IssuedServiceToken: Sendable {
  private static let life = Duration.seconds(24 * 3600)
  private let issuer: TokenIssuer
  private let current = Mutex<(token: String, renewal: ContinuousClock.Instant)?>(nil)

  init(issuer: TokenIssuer) { self.issuer = issuer }

  func current(isRefused: Bool) async throws -> String {
    if !isRefused, let known = current.withLock({ $0 }), ContinuousClock.now < known.renewal { return known.token }
    let token = try await issuer.issue(user: nil, type: .service, scopes: [.conversations], ttl: Self.life)
    current.withLock { $0 = (token, .now + Self.life / 2) }
    return token
  }
}

extension Endpoint {
  /// With the real port when 0 was asked for.
  func withPort(of address: SocketAddress?) -> Endpoint {
    guard case .tcp(let host, _) = self else { return self }
    return .tcp(host: host, port: address?.port ?? 0)
  }
}
