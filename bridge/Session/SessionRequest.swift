import NIOCore
import TimeText
import WebSocket

/// What a phone asked for in its upgrade request, and who it is.
struct SessionRequest: Sendable {
  var conversation: String
  var user = ""
  /// When the access token ends, microseconds since 1970.
  var tokenExpiry: Int64 = 0
  var isVersion2 = false
  /// The position to go on from; nil: the device's own.
  var after: Int64?
  var epoch = ""
  /// Whose position is kept; nil: nobody's.
  var device: String?
  var speechFormat: String?
  var voice = ""

  /// nil when the path names no conversation. The query's token is not kept.
  init?(_ request: WebSocketRequest) {
    guard let id = request.pathComponent(after: "/ws/conversation/"), id.utf8.count <= Limits.conversationID_bytes
    else {
      return nil
    }
    conversation = id
    isVersion2 = request.queryValue("v") == "2"
    guard isVersion2 else {
      device = Self.legacyDevice
      return
    }
    after = request.queryValue("after").flatMap { Int64($0) }.map { max(0, $0) }
    epoch = request.queryValue("epoch") ?? ""
    let named = request.queryValue("device") ?? ""
    if !named.isEmpty, named.unicodeScalars.count <= Limits.deviceID_characters {
      device = named
    } else if after == nil {
      device = Self.legacyDevice
    }
    speechFormat = request.queryValue("speech").flatMap { $0 == "mp3" ? $0 : nil }
    voice = request.queryValue("voice") ?? ""
  }

  /// The device of a phone that names none (LEGACY §3.5).
  private static let legacyDevice = "legacy"

  func timeToExpiry() -> TimeAmount {
    .microseconds(max(0, tokenExpiry - UTCTime.now().unixMicroseconds))
  }
}
