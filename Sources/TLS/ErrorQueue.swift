import COpenSSL

/// libcrypto's errors of this thread. Cleared before each call, so that what is found afterwards belongs to the call.
enum ErrorQueue {
  struct Entry: Equatable {
    let library: Int32
    let reason: Int32
    /// OpenSSL's words, such as "wrong version number".
    let text: String

    func `is`(_ library: Int32, _ reason: Int32) -> Bool { self.library == library && self.reason == reason }
  }

  static func clear() { ERR_clear_error() }

  /// All entries, the first cause first; the queue is empty afterwards.
  static func take() -> [Entry] {
    var entries: [Entry] = []
    while true {
      let code = ERR_get_error()
      guard code != 0 else { return entries }
      let text = ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
      entries.append(
        Entry(library: lifeecho_tls_error_library(code), reason: lifeecho_tls_error_reason(code), text: text))
    }
  }

  /// The error of a failed operation of a connection.
  static func takeConnectionError(verification: Int) -> TLSError {
    let entries = take()
    guard let first = entries.first else { return TLSError(.failed, "the TLS library gave no reason") }
    if entries.contains(where: { $0.is(ERR_LIB_SSL, SSL_R_CERTIFICATE_VERIFY_FAILED) }) {
      let detail = X509_verify_cert_error_string(verification).map { String(cString: $0) } ?? "unknown"
      return TLSError(.certificate, "the peer's certificate was not accepted: \(detail)")
    }
    guard first.library == ERR_LIB_SSL else { return TLSError(.failed, first.text) }
    // Alerts of the peer are reported as 1000 + their number (RFC 8446 §6).
    if first.reason >= SSL_AD_REASON_OFFSET { return TLSError(.refused, first.text) }
    switch first.reason {
    case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_UNSUPPORTED_PROTOCOL,
      SSL_R_UNKNOWN_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_BAD_RECORD_TYPE, SSL_R_UNEXPECTED_MESSAGE,
      SSL_R_PACKET_LENGTH_TOO_LONG:
      return TLSError(.version, "the peer does not speak TLS 1.2 or 1.3: \(first.text)")
    case SSL_R_NO_APPLICATION_PROTOCOL, SSL_R_CALLBACK_FAILED:
      return TLSError(.applicationProtocol, "the peer offers none of our application protocols")
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return TLSError(.certificate, "the peer sent no certificate")
    default:
      return TLSError(.failed, first.text)
    }
  }
}
