import COpenSSL
import NIOCore
import NIOEmbedded

/// A client of libssl's own memory BIOs that does what our handler never would.
final class RawClient {
  private let context: OpaquePointer
  private let ssl: OpaquePointer
  private let input = BIO_new(BIO_s_mem())!
  private let output = BIO_new(BIO_s_mem())!

  /// - Parameter version: the only one it speaks, such as TLS1_2_VERSION.
  init(version: Int32, alpn: [UInt8]? = [2, 0x68, 0x32], ciphers: String? = nil) {
    context = SSL_CTX_new(TLS_client_method())!
    // Old versions are offered too, whatever the system says.
    SSL_CTX_set_security_level(context, 0)
    SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, Int(version), nil)
    SSL_CTX_ctrl(context, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(version), nil)
    if let ciphers { SSL_CTX_set_cipher_list(context, ciphers) }
    ssl = SSL_new(context)!
    if let alpn { SSL_set_alpn_protos(ssl, alpn, UInt32(alpn.count)) }
    SSL_set_bio(ssl, input, output)
    SSL_set_connect_state(ssl)
  }

  deinit {
    SSL_free(ssl)
    SSL_CTX_free(context)
  }

  var isDone: Bool { SSL_is_init_finished(ssl) == 1 }

  /// What libssl says about the last operation, such as "tlsv1 alert no application protocol".
  private(set) var lastError = ""

  /// Goes on with the handshake, or reads; returns the plaintext.
  @discardableResult
  func advance() -> [UInt8] {
    ERR_clear_error()
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let result = isDone ? SSL_read(ssl, &bytes, Int32(bytes.count)) : SSL_do_handshake(ssl)
    if result <= 0, let text = ERR_reason_error_string(ERR_peek_last_error()) { lastError = String(cString: text) }
    return isDone && result > 0 ? Array(bytes.prefix(Int(result))) : []
  }

  func write(_ bytes: [UInt8]) -> Bool { SSL_write(ssl, bytes, Int32(bytes.count)) > 0 }

  func close() { SSL_shutdown(ssl) }

  func requestKeyUpdate() {
    SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED)
    SSL_do_handshake(ssl)
  }

  func renegotiate() -> Bool { SSL_renegotiate(ssl) == 1 && SSL_do_handshake(ssl) == 1 }

  func receive(_ bytes: ByteBuffer) {
    bytes.withUnsafeReadableBytes { _ = BIO_write(input, $0.baseAddress, Int32($0.count)) }
  }

  func takeOutput() -> ByteBuffer {
    var taken = ByteBuffer()
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = BIO_read(output, &bytes, Int32(bytes.count)), count > 0 {
      taken.writeBytes(bytes.prefix(Int(count)))
    }
    return taken
  }

  /// Exchanges bytes with an embedded server until both are quiet; returns the plaintext that arrived here.
  @discardableResult
  func talk(to server: EmbeddedPair.Side) throws -> [UInt8] {
    var plaintext: [UInt8] = []
    for _ in 0..<20 {
      plaintext += advance()
      let bytes = takeOutput()
      if bytes.readableBytes > 0, server.channel.isActive {
        server.channel.pipeline.fireChannelRead(bytes)
        server.channel.pipeline.fireChannelReadComplete()
      }
      server.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
      while let bytes = try server.channel.readOutbound(as: ByteBuffer.self) { receive(bytes) }
    }
    return plaintext
  }
}
