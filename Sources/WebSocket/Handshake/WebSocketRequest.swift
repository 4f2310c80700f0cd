package import NIOCore
import NIOHTTP1

/// An HTTP request as it arrived. Its description has no query: a token may be in there.
package struct WebSocketRequest: Sendable, CustomStringConvertible, CustomReflectable {
  package struct QueryItem: Sendable, Hashable {
    package let name: String
    package let value: String
  }

  package let method: String
  /// Percent-encoded as it was sent, without the query.
  package let path: String
  /// Percent-decoded, in order; "+" is a space; bytes that are no UTF-8 become U+FFFD.
  package let queryItems: [QueryItem]
  package let headers: [(name: String, value: String)]
  package let remoteAddress: SocketAddress?
  /// The connection's event loop.
  package let eventLoop: any EventLoop
  /// It came through TLS.
  package let isSecure: Bool

  init(_ head: HTTPRequestHead, remoteAddress: SocketAddress?, eventLoop: any EventLoop, isSecure: Bool) {
    method = head.method.rawValue
    let target = Self.originForm(head.uri)
    let end = target.firstIndex(of: "?") ?? target.endIndex
    path = String(target[..<end])
    queryItems = end == target.endIndex ? [] : Self.items(target[target.index(after: end)...])
    headers = head.headers.map { ($0.name, $0.value) }
    self.remoteAddress = remoteAddress
    self.eventLoop = eventLoop
    self.isSecure = isSecure
  }

  /// The last item of that name.
  package func queryValue(_ name: String) -> String? { queryItems.last { $0.name == name }?.value }

  /// The one component that the path has after `prefix`, percent-decoded; nil when there is none or another follows, for
  /// a bad escape and for invalid UTF-8.
  package func pathComponent(after prefix: String) -> String? {
    guard path.hasPrefix(prefix), case let component = path.utf8.dropFirst(prefix.utf8.count), !component.isEmpty,
      !component.contains(UInt8(ascii: "/")), case let decoded = Self.percentDecoded(Array(component)), decoded.isClean
    else { return nil }
    return String(validating: decoded.bytes, as: UTF8.self)
  }

  /// The header's value, several joined by ", "; names are compared without regard to case.
  package func headerValue(_ name: String) -> String? {
    let values = headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    return values.isEmpty ? nil : values.joined(separator: ", ")
  }

  package var description: String { "\(method) \(path)" }
  package var customMirror: Mirror { Mirror(self, children: ["description": description]) }

  /// A proxy may send the absolute form (RFC 9112 §3.2.2): then the path starts behind the authority. A fragment is not
  /// sent by anybody who follows the rules.
  private static func originForm(_ target: String) -> Substring {
    let target = target.prefix { $0 != "#" }
    guard !target.hasPrefix("/"), let scheme = target.firstRange(of: "://") else { return target }
    return target[scheme.upperBound...].drop { $0 != "/" && $0 != "?" }
  }

  private static func items(_ query: Substring) -> [QueryItem] {
    query.split(separator: "&").map { item in
      let end = item.firstIndex(of: "=") ?? item.endIndex
      let value = end == item.endIndex ? "" : item[item.index(after: end)...]
      return QueryItem(name: decoded(item[..<end]), value: decoded(value))
    }
  }

  private static func decoded(_ text: Substring) -> String {
    let spaced = text.utf8.map { $0 == UInt8(ascii: "+") ? 0x20 : $0 }
    return String(decoding: percentDecoded(spaced).bytes, as: UTF8.self)
  }

  /// What is no escape stays as it is.
  private static func percentDecoded(_ text: [UInt8]) -> (bytes: [UInt8], isClean: Bool) {
    var decoded: [UInt8] = []
    decoded.reserveCapacity(text.count)
    var isClean = true
    var index = 0
    while index < text.count {
      if text[index] == UInt8(ascii: "%"), index + 2 < text.count, let high = hexDigit(text[index + 1]),
        let low = hexDigit(text[index + 2])
      {
        decoded.append(high << 4 | low)
        index += 3
      } else {
        if text[index] == UInt8(ascii: "%") { isClean = false }
        decoded.append(text[index])
        index += 1
      }
    }
    return (decoded, isClean)
  }

  private static func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
