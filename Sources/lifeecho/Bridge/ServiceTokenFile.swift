import ConversationAPI
import Foundation
import RPC

/// The service token in a file. What is new there, or was refused, is shown to the service before a phone depends on it.
actor ServiceTokenFile {
  /// Why it cannot be used.
  struct Problem: Error, CustomStringConvertible {
    var description: String
  }

  /// How long the service is waited for. One that is away says nothing against the token.
  private static let patience = Duration.seconds(2)

  private let path: String
  private let client: ConversationV1.ConversationServiceClient
  /// The token that the service knew last.
  private var accepted: String?
  private var checking: (token: String, task: Task<Void, any Error>)?

  /// Throws when the file cannot be read, or the service says that its token is no good.
  init(_ path: String, _ channel: any ClientChannel) async throws {
    self.path = path
    client = ConversationV1.ConversationServiceClient(channel)
    do {
      _ = try await current(isRefused: false)
    } catch {
      throw CommandFailure("--service-token-file \(error)")
    }
  }

  /// - Parameter isRefused: the service does not know the one given before.
  func current(isRefused: Bool) async throws -> String {
    let token = try read()
    guard token != accepted || isRefused else { return token }
    if checking?.token != token {
      checking = (token, Task { [client, path] in try await Self.check(token, client, path) })
    }
    defer { if checking?.token == token { checking = nil } }
    try await checking?.task.value
    accepted = token
    return token
  }

  private func read() throws -> String {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw Problem(description: "\(path): it cannot be read")
    }
    let token = text.trimmingCharacters(in: .whitespacesAndNewlines)
    guard !token.isEmpty else { throw Problem(description: "\(path): it is empty") }
    return token
  }

  /// A user's own token would make all phones that user.
  private static func check(
    _ token: String, _ client: ConversationV1.ConversationServiceClient, _ path: String
  ) async throws {
    let options = CallOptions(metadata: ["authorization": "Bearer \(token)"], timeout: patience)
    let owner: ConversationV1.WhoAmIResponse
    do {
      owner = try await client.whoAmI(.init(), options: options)
    } catch let status as Status where [.unauthenticated, .permissionDenied].contains(status.code) {
      throw Problem(description: "\(path): the service refuses the token: \(status.message)")
    } catch {
      return
    }
    guard owner.service else {
      throw Problem(
        description: "\(path): the token is a user's own; the bridge needs one of `lifeecho token --type service`")
    }
  }
}
