import NIOCore

/// A `multipart/form-data` body (RFC 7578).
struct MultipartForm {
  /// 128 random bits: that they occur in a recording is not going to happen.
  private let boundary: String
  private var buffer = ByteBuffer()

  init() {
    boundary =
      "lifeecho-" + String(UInt64.random(in: .min ... .max), radix: 36)
      + String(UInt64.random(in: .min ... .max), radix: 36)
  }

  var type: String { "multipart/form-data; boundary=\(boundary)" }

  /// - Parameter name: without quotes or line breaks, as all names here are.
  mutating func add(_ name: String, _ value: String) {
    buffer.writeString("--\(boundary)\r\ncontent-disposition: form-data; name=\"\(name)\"\r\n\r\n\(value)\r\n")
  }

  mutating func add(_ name: String, fileName: String, type: String, _ bytes: [UInt8]) {
    buffer.reserveCapacity(minimumWritableBytes: bytes.count + 512)
    buffer.writeString(
      "--\(boundary)\r\ncontent-disposition: form-data; name=\"\(name)\"; filename=\"\(fileName)\"\r\n"
        + "content-type: \(type)\r\n\r\n")
    buffer.writeBytes(bytes)
    buffer.writeString("\r\n")
  }

  /// The whole body; nothing can be added afterwards.
  consuming func body() -> ByteBuffer {
    buffer.writeString("--\(boundary)--\r\n")
    return buffer
  }
}
