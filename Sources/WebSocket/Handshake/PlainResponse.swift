package import NIOCore
import NIOHTTP1

/// An HTTP answer that is no 101. Content-Length and Connection: close are added.
package struct PlainResponse: Sendable {
  package var status: Int
  package var headers: [(name: String, value: String)]
  package var body: ByteBuffer

  package init(status: Int, headers: [(name: String, value: String)] = [], body: ByteBuffer = ByteBuffer()) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// The status with its phrase as plain text, in English: whoever sees it is a developer.
  static func plain(_ status: Int, _ text: String, headers: [(name: String, value: String)] = []) -> PlainResponse {
    PlainResponse(
      status: status, headers: [("Content-Type", "text/plain; charset=utf-8")] + headers,
      body: ByteBuffer(string: text + "\n"))
  }

  static let unavailable = PlainResponse(status: 503, headers: [("Retry-After", "5")])

  /// The bytes for the wire. Header names and values with control characters are left out: they could end the head.
  func encoded(withBody: Bool) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.writeString("HTTP/1.1 \(status) \(HTTPResponseStatus(statusCode: status).reasonPhrase)\r\n")
    let written = ["content-length", "connection", "transfer-encoding"]
    for (name, value) in headers where !written.contains(name.lowercased()) {
      guard name.utf8.allSatisfy(HTTPToken.isTokenByte),
        value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 })
      else { continue }
      buffer.writeString("\(name): \(value)\r\n")
    }
    buffer.writeString("Content-Length: \(body.readableBytes)\r\nConnection: close\r\n\r\n")
    if withBody { buffer.writeImmutableBuffer(body) }
    return buffer
  }
}
