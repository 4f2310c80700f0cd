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
    let bytes = Array(text.utf8)
    var decoded: [UInt8] = []
    decoded.reserveCapacity(bytes.count)
    var index = 0
    while index < bytes.count {
      if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count, let high = hexDigit(bytes[index + 1]),
        let low = hexDigit(bytes[index + 2])
      {
        decoded.append(high << 4 | low)
        index += 3
      } else {
        decoded.append(bytes[index] == UInt8(ascii: "+") ? 0x20 : bytes[index])
        index += 1
      }
    }
    return String(decoding: decoded, as: UTF8.self)
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
