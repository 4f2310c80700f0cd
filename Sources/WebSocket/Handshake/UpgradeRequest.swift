import NIOHTTP1

/// What the rules of RFC 6455 §4.2.1 make of a request.
enum UpgradeRequest {
  /// An ordinary HTTP request.
  case plain
  /// `negotiated` is the answer to the client's offer of permessage-deflate.
  case upgrade(acceptKey: String, negotiated: (answer: DeflateOffer, parameters: DeflateParameters)?)
  case refused(PlainResponse)

  init(_ head: HTTPRequestHead, _ configuration: WebSocketConfiguration) {
    let headers = head.headers
    guard headers["upgrade"].contains(where: { HTTPToken.list($0, has: "websocket") }) else {
      self = .plain
      return
    }
    if let refusal = Self.refusal(head, configuration) {
      self = .refused(refusal)
      return
    }
    let key = headers.first(name: "sec-websocket-key") ?? ""
    self = .upgrade(
      acceptKey: HandshakeKey.answer(to: key),
      negotiated: Self.negotiate(headers["sec-websocket-extensions"], configuration.deflate))
  }

  private static func refusal(_ head: HTTPRequestHead, _ configuration: WebSocketConfiguration) -> PlainResponse? {
    let headers = head.headers
    guard head.version.major == 1, head.version.minor >= 1 else {
      return .plain(400, "WebSocket needs HTTP/1.1")
    }
    guard head.method == .GET else { return .plain(405, "WebSocket needs GET", headers: [("Allow", "GET")]) }
    guard headers["host"].count == 1 else { return .plain(400, "Host is missing or repeated") }
    guard headers["connection"].contains(where: { HTTPToken.list($0, has: "upgrade") }) else {
      return .plain(400, "Connection: Upgrade is missing")
    }
    guard headers["sec-websocket-version"] == ["13"] else {
      return .plain(
        426, "WebSocket version 13 is needed",
        headers: [("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")])
    }
    let keys = headers["sec-websocket-key"]
    guard keys.count == 1, HandshakeKey.isValid(keys[0]) else {
      return .plain(400, "Sec-WebSocket-Key is missing or no 16 bytes in base64")
    }
    guard headers["transfer-encoding"].isEmpty, headers["content-length"].allSatisfy({ $0 == "0" }) else {
      return .plain(400, "a WebSocket request has no body")
    }
    let origins = headers["origin"]
    guard origins.count <= 1, configuration.originPolicy.admits(origin: origins.first, host: headers["host"].first)
    else {
      return .plain(403, "origin not allowed")
    }
    return nil
  }

  /// The first offer that can be read is taken; what cannot be read is declined, as RFC 7692 §5.1 wants.
  private static func negotiate(
    _ headers: [String], _ configuration: DeflateConfiguration?
  ) -> (answer: DeflateOffer, parameters: DeflateParameters)? {
    guard let configuration, !headers.isEmpty,
      let offers = ExtensionOffer.parse(headers.joined(separator: ","))
    else { return nil }
    for offer in offers where offer.name == DeflateOffer.name {
      if let offer = DeflateOffer(offer.parameters) { return offer.accepted(configuration) }
    }
    return nil
  }
}
