import COpenSSL
import NIOCore

/// One connection of libssl, without a socket: bytes go in and come out of the caller's buffers.
///
/// Every call takes what the peer sent (`input`, consumed) and appends what is to be sent to `output`. On `outputFull`
/// the caller sends `output` and repeats the call with the same data. Loop-confined.
final class TLSSession {
  enum Outcome: Equatable {
    case done
    case needsInput
    case outputFull
    /// The peer sent close_notify.
    case closed
    /// `output` may hold an alert. No further call but releasing the session.
    case failed(TLSError)
  }

  let context: TLSContext
  private let library: OpaquePointer
  private let transport: TransportBytes

  init(_ context: TLSContext, serverName: ServerName?, transport: TransportBytes) throws(TLSError) {
    ErrorQueue.clear()
    guard let method = TransportBytes.method.library, let library = context.makeConnection() else {
      throw TLSError(.failed, "no memory for a TLS connection")
    }
    self.context = context
    self.library = library
    self.transport = transport
    // From here on `deinit` frees it.
    guard lifeecho_tls_attach(library, method, transport.pointer) == 1 else {
      throw TLSError(.failed, "no memory for a TLS connection")
    }
    switch context.role {
    case .server:
      SSL_set_accept_state(library)
    case .client:
      SSL_set_connect_state(library)
      try expect(serverName)
    }
  }

  deinit { SSL_free(library) }

  /// RFC 9525: the certificate must be for this name; RFC 6066 §3: SNI for names only.
  private func expect(_ name: ServerName?) throws(TLSError) {
    let isSet: Bool
    switch name {
    case .host(let host):
      SSL_set_hostflags(library, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
      isSet = SSL_set1_host(library, host) == 1 && lifeecho_tls_set_sni(library, host) == 1
    case .address(let address):
      isSet = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(library), address) == 1
    case nil:
      isSet = false
    }
    guard isSet else { throw TLSError(.failed, "the server's name is missing or cannot be in a certificate") }
  }

  // MARK: Operations

  func handshake(_ input: inout ByteBuffer, _ output: inout ByteBuffer) -> Outcome {
    exchange(&input, &output) { SSL_do_handshake(library) }
  }

  /// Appends to `plaintext` until its storage is full (`done`) or the input ends.
  func read(_ input: inout ByteBuffer, _ output: inout ByteBuffer, into plaintext: inout ByteBuffer) -> Outcome {
    exchange(&input, &output) {
      var result: Int32 = 1
      while result == 1, plaintext.writableBytes > 0 {
        plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: 0) { room in
          var count = 0
          result = SSL_read_ex(library, room.baseAddress, room.count, &count)
          return count
        }
      }
      return result
    }
  }

  /// Encrypts `plaintext`, which is consumed, in records of at most 16 KiB.
  func write(_ plaintext: inout ByteBuffer, _ output: inout ByteBuffer) -> Outcome {
    var none = ByteBuffer()
    return exchange(&none, &output) {
      var result: Int32 = 1
      while result == 1, plaintext.readableBytes > 0 {
        plaintext.readWithUnsafeReadableBytes { bytes in
          var count = 0
          result = SSL_write_ex(library, bytes.baseAddress, bytes.count, &count)
          return count
        }
      }
      return result
    }
  }

  /// Says close_notify. Reading may go on.
  func close(_ output: inout ByteBuffer) -> Outcome {
    var none = ByteBuffer()
    return exchange(&none, &output) { SSL_shutdown(library) < 0 ? -1 : 1 }
  }

  private func exchange(
    _ input: inout ByteBuffer, _ output: inout ByteBuffer, _ operation: () -> Int32
  ) -> Outcome {
    ErrorQueue.clear()
    var result: Int32 = 0
    let bytes = transport.pointer
    bytes.pointee.handshake_messages = 0
    input.readWithUnsafeReadableBytes { source in
      output.writeWithUnsafeMutableBytes(minimumWritableBytes: Limits.recordOverhead_bytes) { target in
        bytes.pointee.input = source.baseAddress?.assumingMemoryBound(to: UInt8.self)
        bytes.pointee.input_count = source.count
        bytes.pointee.output = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        bytes.pointee.output_count = 0
        bytes.pointee.output_capacity = target.count
        result = operation()
        return bytes.pointee.output_count
      }
      return source.count - bytes.pointee.input_count
    }
    bytes.pointee.input_count = 0
    bytes.pointee.output_capacity = 0
    return result == 1 ? .done : outcome(of: result)
  }

  private func outcome(of result: Int32) -> Outcome {
    switch SSL_get_error(library, result) {
    case SSL_ERROR_WANT_READ: .needsInput
    case SSL_ERROR_WANT_WRITE: .outputFull
    case SSL_ERROR_ZERO_RETURN: .closed
    default: .failed(ErrorQueue.takeConnectionError(verification: SSL_get_verify_result(library)))
    }
  }

  // MARK: Facts

  /// Handshake messages that the last operation received.
  var receivedHandshakeMessages: Int { Int(transport.pointer.pointee.handshake_messages) }

  var applicationProtocol: String? {
    var name: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(library, &name, &count)
    guard let name, count > 0 else { return nil }
    return String(decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self)
  }

  var agreement: TLSHandshakeCompleted {
    TLSHandshakeCompleted(
      applicationProtocol: applicationProtocol,
      version: SSL_get_version(library).map { String(cString: $0) } ?? "",
      cipher: SSL_get_current_cipher(library).flatMap(SSL_CIPHER_get_name).map { String(cString: $0) } ?? "",
      isResumed: SSL_session_reused(library) == 1)
  }
}
