import ConversationAPI
import RPC

/// Where the bridge gets its service token from: it acts for the users whose own tokens it has checked.
package struct BridgeCredentials: Sendable {
  /// A token of type `service` with the scope `conversations`. `isRefused`: the one given before is good no more.
  package var token: @Sendable (_ isRefused: Bool) async throws -> String

  package init(token: @escaping @Sendable (_ isRefused: Bool) async throws -> String) { self.token = token }
}

/// The service behind the bridge: one client for all sockets.
struct ServiceAccess: Sendable {
  let client: ConversationV1.ConversationServiceClient
  let credentials: BridgeCredentials

  /// What a call for this user carries.
  func metadata(user: String, isRefused: Bool = false) async throws -> Metadata {
    ["authorization": "Bearer \(try await credentials.token(isRefused))", "x-life-echo-user": user]
  }

  /// Whose token this is; throws `Status`.
  func identify(token: String) async throws -> ConversationV1.WhoAmIResponse {
    try await client.whoAmI(
      ConversationV1.WhoAmIRequest(),
      options: CallOptions(metadata: ["authorization": "Bearer \(token)"], timeout: .seconds(Limits.handshake_s)))
  }
}
