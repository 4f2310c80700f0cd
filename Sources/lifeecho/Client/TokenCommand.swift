import ArgumentParser
import Auth
import ConversationAPI
import Operations
import RPC

struct TokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "token", abstract: "Print a token, signed with the server's secret.",
    discussion: "An access token acts as the user; a service token may do what its scopes say.")

  enum Kind: String, ExpressibleByArgument, CaseIterable { case access, service }

  @Option(help: "Who the token is for.")
  var user: String

  @Option(help: "access or service.")
  var type: Kind = .access

  @Option(help: ArgumentHelp("How long it lasts, such as 30m or 12h.", valueName: "duration"))
  var ttl = "1h"

  @Option(help: ArgumentHelp("Scopes of a service token: conversations, memoir, users.", valueName: "scope,…"))
  var scopes = "conversations,memoir,users"

  @Flag(help: "Create or update the user on the running server first.")
  var create = false

  @Option(help: "With --create: how the interviewer addresses the person.")
  var nickname: String?

  @Option(help: "With --create.")
  var birthYear: Int32?

  @Option(help: "With --create.")
  var birthPlace: String?

  @Option(help: "With --create.")
  var grewUpPlace: String?

  @Option(help: "With --create.")
  var occupation: String?

  @OptionGroup var server: ServerOptions

  func run() async throws {
    try await reportingFailure {
      let ttl = try naming("--ttl") { try DurationText.parse(self.ttl) }
      guard ttl > .zero else { throw CommandFailure("--ttl: a token of \(self.ttl) would have ended already") }
      let scopes = try Set(
        self.scopes.split(separator: ",").map { name in
          guard let scope = Scope(rawValue: String(name)) else {
            throw CommandFailure("--scopes: \(name) is none of \(Self.scopeNames)")
          }
          return scope
        })
      guard type == .access || !scopes.isEmpty else {
        throw CommandFailure("--scopes: a service token needs one or more of \(Self.scopeNames)")
      }
      guard !user.isEmpty else { throw CommandFailure("--user: the name is empty") }
      if create { try await createUser() }
      Terminal.show(try await server.token(user: user, scopes: type == .service ? scopes : [], ttl: ttl))
    }
  }

  private static var scopeNames: String { Scope.allCases.map(\.rawValue).joined(separator: ", ") }

  private func createUser() async throws {
    let token = try await server.token(user: nil, scopes: [.users], ttl: .seconds(60))
    let user = UserV1.User(
      userID: self.user, nickname: nickname ?? "", birthYear: birthYear ?? 0, birthPlace: birthPlace ?? "",
      grewUpPlace: grewUpPlace ?? "", occupation: occupation ?? "")
    try await server.withChannel { channel in
      _ = try await UserV1.UserServiceClient(channel).upsertUser(
        UserV1.UpsertUserRequest(user: user), options: CallOptions(token: token, timeout: .seconds(10)))
    }
  }
}
