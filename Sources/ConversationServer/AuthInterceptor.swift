package import Auth
import Conversation
import ConversationAPI
import Foundation
package import RPC

/// Verifies the bearer token of every call but health and reflection, and checks the scope that the called service
/// needs (design §5, Who may call).
package struct AuthInterceptor: CallGuard {
  private let verifier: TokenVerifier
  private static let open: Set<String> = [
    HealthV1.Health.name, ReflectionV1.ServerReflection.name, ReflectionV1Alpha.ServerReflection.name,
  ]

  package init(verifier: TokenVerifier) { self.verifier = verifier }

  package func applies(to method: MethodDescriptor) -> Bool { !Self.open.contains(method.service) }

  package func admit(_ context: ServerContext) async throws {
    context[Caller.Key.self] = try caller(try await principal(of: context), context)
  }

  private func principal(of context: ServerContext) async throws(Status) -> Principal {
    let header = context.metadataValue("authorization") ?? ""
    let token = header.lowercased().hasPrefix("bearer ") ? String(header.dropFirst("bearer ".count)) : ""
    if let principal = verifier.cached(token) { return principal }
    if token.isEmpty, !header.isEmpty {
      throw ErrorStatus.unauthenticated("TOKEN_INVALID", "authorization must be `Bearer <JWT>`")
    }
    do throws(TokenError) {
      return try await verifier.verify(token)
    } catch {
      throw ErrorStatus.unauthenticated(error.reason.rawValue, error.detail)
    }
  }

  private func caller(_ principal: Principal, _ context: ServerContext) throws(Status) -> Caller {
    let expiry = Timestamp(principal.expiry)
    let end = Timestamp(verifier.end(of: principal))
    let needed = Self.scope(of: context.method.service)
    let named = context.metadataValue(Caller.userHeader).flatMap { $0.isEmpty ? nil : UserID($0) }
    switch principal.kind {
    case .access(let user):
      guard needed == .conversations else { throw ErrorStatus.scopeMissing(needed.rawValue) }
      // Whoever acts for others with a user's own token would mix them up.
      guard named == nil || named == UserID(user) else { throw ErrorStatus.userMismatch }
      return Caller(user: UserID(user), tokenEnd: end, tokenExpiry: expiry, isService: false, scopes: [])
    case .service(let scopes):
      guard scopes.contains(needed) else { throw ErrorStatus.scopeMissing(needed.rawValue) }
      return Caller(
        user: named, tokenEnd: end, tokenExpiry: expiry, isService: true, scopes: scopes.map(\.rawValue).sorted())
    }
  }

  private static func scope(of service: String) -> Scope {
    switch service {
    case UserV1.UserService.name: .users
    case MemoirV1.MemoirIngestService.name: .memoir
    default: .conversations
    }
  }
}

extension Timestamp {
  init(_ date: Date) { self.init(microseconds: Int64(date.timeIntervalSince1970 * 1_000_000)) }
}
