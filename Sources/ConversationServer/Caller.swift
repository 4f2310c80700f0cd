import Auth
package import Conversation
import RPC
import Foundation

/// On whose behalf a call runs; left in the context by `AuthInterceptor`.
package struct Caller: Sendable {
  /// `nil`: a service token that names no user.
  package var user: UserID?
  /// When a long stream must end.
  package var tokenEnd: Timestamp
  package var tokenExpiry: Timestamp
  package var isService: Bool
  package var scopes: [String]

  enum Key: ContextKey { typealias Value = Caller }

  /// The metadata by which a service names the user it acts for (design §5).
  package static let userHeader = "x-life-echo-user"
}

extension ServerContext {
  /// Set by `AuthInterceptor` for every service that needs a token.
  func caller() throws(Status) -> Caller {
    guard let caller = self[Caller.Key.self] else {
      throw ErrorStatus.unauthenticated("TOKEN_MISSING", "no token")
    }
    return caller
  }

  /// The user to act for; a service token must name one.
  func user() throws(Status) -> UserID {
    guard let user = try caller().user else {
      throw ErrorStatus.fieldInvalid(
        field: Caller.userHeader, description: "metadata is required: the user a service acts for")
    }
    return user
  }
}
