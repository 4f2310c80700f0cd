/// Where something listens, or that it does not: `HOST:PORT`, `[IPV6]:PORT`, `unix:PATH` or `off`.
package enum Endpoint: Sendable, Hashable, CustomStringConvertible {
  /// `host` is a name or an address, without brackets. Port 0 lets the system pick.
  case tcp(host: String, port: Int)
  case unix(path: String)
  case off

  package init(parsing text: String) throws(InvalidValue) {
    if text == "off" {
      self = .off
    } else if text.hasPrefix("unix:") {
      self = .unix(path: try Self.path(text.dropFirst("unix:".count)))
    } else {
      self = try Self.tcp(text)
    }
  }

  package var description: String {
    switch self {
    case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    case .unix(let path): "unix:\(path)"
    case .off: "off"
    }
  }

  private static func path(_ text: Substring) throws(InvalidValue) -> String {
    // `unix://` is gRPC's form for absolute paths; the file is the same.
    let path = text.hasPrefix("///") ? String(text.dropFirst(2)) : String(text)
    guard !path.isEmpty, !path.utf8.contains(0) else { throw InvalidValue("unix: needs a path") }
    guard path.utf8.count <= Limits.unixPathBytes else {
      throw InvalidValue("the socket path has \(path.utf8.count) bytes, the system allows \(Limits.unixPathBytes)")
    }
    return path
  }

  private static func tcp(_ text: String) throws(InvalidValue) -> Endpoint {
    guard let colon = text.lastIndex(of: ":") else {
      throw InvalidValue("'\(text)' has no port (HOST:PORT, [::1]:PORT, unix:PATH or off)")
    }
    let portText = text[text.index(after: colon)...]
    guard !portText.isEmpty, portText.utf8.count <= 5, portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let port = Int(portText), port <= 65_535
    else {
      throw InvalidValue("'\(portText)' is not a port (0 to 65535)")
    }
    var host = text[..<colon]
    if host.hasPrefix("[") {
      guard host.hasSuffix("]"), host.count > 2, host.contains(":") else {
        throw InvalidValue("'\(host)' is not an IPv6 address in brackets ([::1]:\(port))")
      }
      host = host.dropFirst().dropLast()
    } else {
      guard !host.contains(":") else {
        throw InvalidValue("an IPv6 address needs brackets ([\(host)]:\(port))")
      }
      guard !host.isEmpty else {
        throw InvalidValue("the host is missing (127.0.0.1:\(port) for this machine, 0.0.0.0:\(port) for all)")
      }
    }
    guard host.unicodeScalars.allSatisfy({ $0.isASCII && !"/[]@ \t\n\r\0".unicodeScalars.contains($0) }) else {
      throw InvalidValue("'\(host)' is not a host name or address")
    }
    return .tcp(host: String(host), port: port)
  }
}
