import TLS

/// Contexts of the shared certificates.
enum Contexts {
  static let files = TestCertificates.shared

  static func server(_ alpn: ALPN = .h2, clientCA: String? = nil) throws -> TLSContext {
    try .server(
      certificateChainFile: files.server.certificate, keyFile: files.server.key, clientCAFile: clientCA, alpn: alpn)
  }

  static func client(_ alpn: ALPN = .h2, ca: String = files.ca, identity: TestCertificates.Files? = nil) throws
    -> TLSContext
  {
    try .client(caFile: ca, certificateChainFile: identity?.certificate, keyFile: identity?.key, alpn: alpn)
  }
}
