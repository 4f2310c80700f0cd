/// Sent up the pipeline once, as a user inbound event before `channelActive`: what was agreed.
package struct TLSHandshakeCompleted: Sendable, Equatable {
  /// Nil when the peer does not know ALPN.
  package let applicationProtocol: String?
  /// "TLSv1.2" or "TLSv1.3".
  package let version: String
  /// OpenSSL's name, such as "TLS_AES_256_GCM_SHA384".
  package let cipher: String
  /// By a session ticket.
  package let isResumed: Bool
}
