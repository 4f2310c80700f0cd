/// What permessage-deflate was negotiated to be, from our side (RFC 7692 §7.1).
struct DeflateParameters: Sendable, Hashable {
  /// Our compressor's window, 8...15, and whether it may refer back to earlier messages.
  var ownWindowBits: UInt8
  var ownTakeover: Bool
  /// The same for the peer's.
  var peerWindowBits: UInt8
  var peerTakeover: Bool
}

/// The four parameters of one offer or answer, as they are on the wire.
struct DeflateOffer: Sendable, Hashable {
  var serverNoContextTakeover = false
  var clientNoContextTakeover = false
  var serverWindowBits: UInt8?
  /// `.some(nil)`: present without a value, which only an offer may have.
  var clientWindowBits: UInt8??

  static let name = "permessage-deflate"

  init() {}

  /// nil: a parameter is unknown, given twice, or has a value it must not have; such an offer is to be declined.
  init?(_ parameters: [ExtensionOffer.Parameter]) {
    var seen: Set<String> = []
    for parameter in parameters {
      guard seen.insert(parameter.name).inserted else { return nil }
      switch parameter.name {
      case "server_no_context_takeover":
        guard parameter.value == nil else { return nil }
        serverNoContextTakeover = true
      case "client_no_context_takeover":
        guard parameter.value == nil else { return nil }
        clientNoContextTakeover = true
      case "server_max_window_bits":
        guard let value = parameter.value, let bits = Self.bits(value) else { return nil }
        serverWindowBits = bits
      case "client_max_window_bits":
        if let value = parameter.value {
          guard let bits = Self.bits(value) else { return nil }
          clientWindowBits = .some(bits)
        } else {
          clientWindowBits = .some(nil)
        }
      default: return nil
      }
    }
  }

  /// 8...15 in decimal without leading zeros.
  private static func bits(_ text: String) -> UInt8? {
    guard let bits = UInt8(text), (8...15).contains(bits), String(bits) == text else { return nil }
    return bits
  }

  /// The parameters as header text.
  var headerValue: String {
    var text = Self.name
    if serverNoContextTakeover { text += "; server_no_context_takeover" }
    if clientNoContextTakeover { text += "; client_no_context_takeover" }
    if let serverWindowBits { text += "; server_max_window_bits=\(serverWindowBits)" }
    switch clientWindowBits {
    case .some(.some(let bits)): text += "; client_max_window_bits=\(bits)"
    case .some(.none): text += "; client_max_window_bits"
    case .none: break
    }
    return text
  }

  /// Server: the answer to this offer, and what it makes of both directions. Every well-formed offer can be met.
  func accepted(_ configuration: DeflateConfiguration) -> (answer: DeflateOffer, parameters: DeflateParameters) {
    var answer = DeflateOffer()
    // A smaller window than the peer expects needs no word, so that one is said only where it was asked for.
    let ownBits = min(serverWindowBits ?? 15, UInt8(configuration.ownWindowBits))
    if serverWindowBits != nil { answer.serverWindowBits = ownBits }
    answer.serverNoContextTakeover = serverNoContextTakeover
    var peerBits: UInt8 = 15
    if let clientWindowBits {
      peerBits = min(clientWindowBits ?? 15, UInt8(configuration.peerWindowBits))
      answer.clientWindowBits = .some(peerBits)
    }
    let mustForget = configuration.boundsPeerHistory && peerBits > UInt8(configuration.peerWindowBits)
    answer.clientNoContextTakeover = clientNoContextTakeover || mustForget
    return (
      answer,
      DeflateParameters(
        ownWindowBits: ownBits, ownTakeover: !serverNoContextTakeover, peerWindowBits: peerBits,
        peerTakeover: !answer.clientNoContextTakeover)
    )
  }

  /// Client: what the server's answer to `offer` means; nil when it is no answer to it (RFC 7692 §7.1: fail then).
  func agreed(to offer: DeflateOffer, _ configuration: DeflateConfiguration) -> DeflateParameters? {
    if clientWindowBits != nil, offer.clientWindowBits == nil { return nil }
    if case .some(.none) = clientWindowBits { return nil }
    if let asked = offer.serverWindowBits, (serverWindowBits ?? 15) > asked { return nil }
    if offer.serverNoContextTakeover, !serverNoContextTakeover { return nil }
    let granted = (clientWindowBits ?? nil) ?? 15
    return DeflateParameters(
      ownWindowBits: min(granted, UInt8(configuration.ownWindowBits)), ownTakeover: !clientNoContextTakeover,
      peerWindowBits: serverWindowBits ?? 15, peerTakeover: !serverNoContextTakeover)
  }
}
