import ConversationAPI
import Logging
import NIOCore
import RPC
import WebSocket

/// Decides about upgrade requests (LEGACY §1). The token goes into one call and nowhere else.
struct FrontDoor: Sendable {
  let service: ServiceAccess
  let settings: BridgeSettings
  let observer: BridgeObserver

  func authorize(_ request: WebSocketRequest) async -> WebSocketDecision {
    guard var session = SessionRequest(request) else { return refuse(404) }
    guard !observer.isDraining else { return away(Status(.unavailable, "the bridge is draining")) }
    guard let token = request.queryValue("token"), !token.isEmpty else { return refuse(403) }
    do {
      let identity = try await service.identify(token: token)
      guard !identity.service, !identity.userID.isEmpty else { return refuse(403) }
      session.user = identity.userID
      session.tokenExpiry = identity.tokenExpireTime?.unixMicroseconds ?? 0
    } catch {
      switch (error as? Status)?.code {
      case .unauthenticated, .permissionDenied: return refuse(403)
      default: return away(error)
      }
    }
    do {
      let metadata = try await service.metadata(user: session.user)
      return .accept { [session] connection in
        BridgeSession(
          session, metadata: metadata, service: service, settings: settings, observer: observer,
          loop: connection.eventLoop)
      }
    } catch {
      observer.tokenProblem(error)
      return away(error)
    }
  }

  private func refuse(_ status: Int) -> WebSocketDecision {
    observer.refused(status: status)
    return .refuse(PlainResponse(status: status))
  }

  private func away(_ cause: any Error) -> WebSocketDecision {
    observer.refused(status: 503)
    observer.logger.debug("a phone was sent away", metadata: ["error": "\(cause)"])
    return .refuse(
      PlainResponse(
        status: 503, headers: [(name: "Retry-After", value: String(Int.random(in: Limits.retryAfter_s)))]))
  }
}
