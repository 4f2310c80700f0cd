import Foundation

/// Opaque page tokens: a cursor bound to its method and owner, with a check sum against damage.
///
/// Not a secret: what a page shows is decided by ownership, not by the token.
struct PageToken {
  var method: String
  var owner: String
  var cursor: [String]

  var text: String {
    let body = ([method, owner] + cursor).map { Data($0.utf8).base64EncodedString() }.joined(separator: ".")
    return Data((body + "." + Self.checkSum(body)).utf8).base64EncodedString()
      .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
  }

  /// The cursor of a token made for the same method and owner with `fields` parts; `nil` for "".
  static func cursor(
    of text: String, method: String, owner: String, fields: Int
  ) throws(ConversationError) -> [String]? {
    if text.isEmpty { return nil }
    let refusal = ConversationError.fieldInvalid(
      field: "page_token", description: "is not a token from the page before of the same list")
    let padded =
      text.replacing("-", with: "+").replacing("_", with: "/")
      + String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
    guard let data = Data(base64Encoded: padded), let whole = String(data: data, encoding: .utf8),
      let dot = whole.lastIndex(of: ".")
    else { throw refusal }
    let body = String(whole[..<dot])
    guard whole[whole.index(after: dot)...] == Self.checkSum(body) else { throw refusal }
    let parts = body.split(separator: ".", omittingEmptySubsequences: false).map {
      Data(base64Encoded: String($0)).flatMap { String(data: $0, encoding: .utf8) }
    }
    guard parts.count == fields + 2, parts[0] == method,
      parts[1]?.utf8.elementsEqual(owner.utf8) == true
    else { throw refusal }
    let cursor = parts.dropFirst(2).compactMap { $0 }
    guard cursor.count == fields else { throw refusal }
    return cursor
  }

  private static func checkSum(_ body: String) -> String {
    var digest = RequestDigest()
    digest.add(body)
    return Data(digest.bytes.prefix(8)).base64EncodedString()
  }
}
