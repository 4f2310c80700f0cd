import NIOCore
import NIOEmbedded
import NIOHTTP1
import Testing

@testable import WebSocket

/// RFC 6455 §4.2: who gets a 101, and what the others get.
struct HandshakeTests {
  static let request: [(name: String, value: String)] = [
    ("Host", "server.example.com"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13"),
  ]

  private func judged(
    _ method: HTTPMethod = .GET, _ version: HTTPVersion = .http1_1, changing: [(String, String?)] = [],
    _ change: (inout WebSocketConfiguration) -> Void = { _ in }
  ) -> String {
    var headers = HTTPHeaders(Self.request.map { ($0.name, $0.value) })
    for (name, value) in changing {
      if let value { headers.replaceOrAdd(name: name, value: value) } else { headers.remove(name: name) }
    }
    var configuration = WebSocketConfiguration()
    change(&configuration)
    switch UpgradeRequest(HTTPRequestHead(version: version, method: method, uri: "/", headers: headers), configuration)
    {
    case .plain: return "plain"
    case .upgrade(let key, let deflate): return deflate == nil ? key : key + " " + (deflate?.answer.headerValue ?? "")
    case .refused(let response): return "\(response.status)"
    }
  }

  static let accepted = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

  @Test func theExampleOfTheStandard() { #expect(judged() == Self.accepted) }

  struct Row: Sendable, CustomTestStringConvertible {
    var change: [(String, String?)]
    var result: String
    var testDescription: String { "\(change) → \(result)" }
  }
  static let rows = [
    Row(change: [("Upgrade", nil)], result: "plain"),
    Row(change: [("Upgrade", "h2c")], result: "plain"),
    Row(change: [("Upgrade", "h2c, WebSocket")], result: accepted),
    Row(change: [("Connection", "keep-alive, upgrade")], result: accepted),
    Row(change: [("Connection", "keep-alive")], result: "400"),
    Row(change: [("Connection", nil)], result: "400"),
    Row(change: [("Host", nil)], result: "400"),
    Row(change: [("Sec-WebSocket-Version", "8")], result: "426"),
    Row(change: [("Sec-WebSocket-Version", nil)], result: "426"),
    Row(change: [("Sec-WebSocket-Key", nil)], result: "400"),
    Row(change: [("Sec-WebSocket-Key", "")], result: "400"),
    Row(change: [("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=")], result: "400"),
    Row(change: [("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZR==")], result: "400"),
    Row(change: [("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j!Q==")], result: "400"),
    Row(change: [("Content-Length", "0")], result: accepted),
    Row(change: [("Content-Length", "5")], result: "400"),
    Row(change: [("Transfer-Encoding", "chunked")], result: "400"),
    Row(change: [("Sec-WebSocket-Protocol", "chat, superchat")], result: accepted),
    Row(
      change: [("Sec-WebSocket-Extensions", "permessage-deflate; client_max_window_bits")],
      result: accepted + " permessage-deflate; client_max_window_bits=12"),
    Row(change: [("Sec-WebSocket-Extensions", "x;;")], result: accepted),
    Row(change: [("Origin", "https://evil.example")], result: accepted),
  ]

  @Test(arguments: rows) func requests(row: Row) { #expect(judged(changing: row.change) == row.result) }

  @Test func olderHTTPAndOtherMethods() {
    #expect(judged(.GET, .http1_0) == "400")
    #expect(judged(.POST) == "405")
  }

  @Test func deflateMayBeTurnedOff() {
    let offer = [("Sec-WebSocket-Extensions", Optional("permessage-deflate"))]
    #expect(judged(changing: offer) { $0.deflate = nil } == Self.accepted)
  }

  @Test(arguments: [
    (OriginPolicy.list(["https://app.example"]), "https://App.Example", true),
    (.list(["https://app.example"]), "http://app.example", false), (.list([]), "https://app.example", false),
    (.sameHost, "https://server.example.com", true), (.sameHost, "http://SERVER.example.com:80", true),
    (.sameHost, "https://server.example.com:443", true), (.sameHost, "https://server.example.com:8443", false),
    (.sameHost, "https://evil.example", false), (.sameHost, "null", false), (.any, "null", true),
  ]) func origins(policy: OriginPolicy, origin: String, isAdmitted: Bool) {
    let result = judged(changing: [("Origin", origin)]) { $0.originPolicy = policy }
    #expect(result == (isAdmitted ? Self.accepted : "403"))
    #expect(judged { $0.originPolicy = policy } == Self.accepted)
  }

  @Test(arguments: [
    ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"), ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
    ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
    (String(repeating: "a", count: 1_000), "291e9a6c66994949b57ba5e650361e98fc36b1ba"),
  ]) func sha1(text: String, expected: String) {
    let hex = SHA1.digest(Array(text.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    #expect(hex == expected)
  }

  @Test func keysAreRandomAndValid() {
    var random = SystemRandomNumberGenerator()
    let keys = (0..<100).map { _ in HandshakeKey.random(using: &random) }
    #expect(Set(keys).count == 100)
    #expect(keys.allSatisfy(HandshakeKey.isValid))
  }

  private func request(_ target: String) -> WebSocketRequest {
    WebSocketRequest(
      HTTPRequestHead(version: .http1_1, method: .GET, uri: target, headers: ["X-A": "1", "x-a": "2"]),
      remoteAddress: nil, eventLoop: EmbeddedEventLoop(), isSecure: false)
  }

  @Test func targets() {
    let plain = request("/ws/conversation/%E5%AE%B6%2Fx?token=a.b&token=c%2Ed&v=2&name=%E5%AE%B6+x&flag&=&bad=%ff%2")
    #expect(plain.path == "/ws/conversation/%E5%AE%B6%2Fx")
    #expect(plain.queryValue("token") == "c.d")
    #expect(plain.queryValue("v") == "2")
    #expect(plain.queryValue("name") == "家 x")
    #expect(plain.queryValue("flag") == "")
    #expect(plain.queryValue("bad") == "\u{fffd}%2")
    #expect(plain.queryValue("missing") == nil)
    #expect(plain.headerValue("X-a") == "1, 2")
    #expect(request("http://host/path?x=1").path == "/path")
    #expect(request("/").queryItems.isEmpty)
  }

  @Test(
    arguments: [
      ("/p/%E5%AE%B6%2Fx?a=/", "家/x"), ("/p/a+b", "a+b"), ("/p/", nil), ("/q/a", nil), ("/p/a/b", nil), ("/p/a/", nil),
      ("/p/%", nil), ("/p/%4", nil), ("/p/%4g", nil), ("/p/%ff", nil), ("/p/%41%", nil), ("/p", nil),
    ] as [(String, String?)])
  func pathComponents(_ target: String, _ component: String?) {
    #expect(request(target).pathComponent(after: "/p/") == component)
  }

  @Test func aTokenIsNeverPrinted() {
    let secret = request("/ws/x?token=SECRET")
    var dumped = ""
    dump(secret, to: &dumped)
    for text in ["\(secret)", String(reflecting: secret), String(describing: Optional(secret)), dumped] {
      #expect(!text.contains("SECRET"))
    }
  }

  @Test func responsesCannotBeSplit() {
    let response = PlainResponse(
      status: 404, headers: [("X-Good", "1"), ("X-Bad", "1\r\nSet-Cookie: x"), ("Bad Name", "1"), ("Connection", "x")],
      body: ByteBuffer(string: "gone"))
    #expect(
      String(buffer: response.encoded(withBody: true))
        == "HTTP/1.1 404 Not Found\r\nX-Good: 1\r\nContent-Length: 4\r\nConnection: close\r\n\r\ngone")
    #expect(
      String(buffer: response.encoded(withBody: false)).hasSuffix("Content-Length: 4\r\nConnection: close\r\n\r\n"))
  }
}
