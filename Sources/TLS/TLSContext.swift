import COpenSSL

/// Certificate, key, trust and options of connections: one SSL_CTX.
///
/// `@unchecked Sendable`: it is set up in the initializer and only read afterwards; libssl shares contexts between
/// threads by design (reference counts and ticket keys are locked inside).
package final class TLSContext: @unchecked Sendable {
  enum Role: Sendable { case server, client }

  let role: Role
  let alpn: ALPN
  /// Seconds since 1970 when the own certificate stops being valid; nil without a certificate.
  package let certificateEnd_s: Int64?
  private let library: OpaquePointer
  /// libssl keeps pointers to both; a connection keeps this object.
  private let names: UnsafeMutableBufferPointer<UInt8>
  private let taken: UnsafeMutablePointer<lifeecho_tls_alpn>

  /// For listeners. Reads files: not on an event loop.
  ///
  /// - Parameters:
  ///   - certificateChainFile: PEM, the server's certificate first, then intermediate ones.
  ///   - keyFile: PEM, without a passphrase.
  ///   - clientCAFile: PEM; given: clients must show a certificate signed by one of these (mTLS).
  package static func server(
    certificateChainFile: String, keyFile: String, clientCAFile: String? = nil, alpn: ALPN
  ) throws(TLSFileError) -> TLSContext {
    try TLSContext(.server, alpn) { (library) throws(TLSFileError) in
      try TLSFiles.loadIdentity(certificateChainFile, keyFile, into: library)
      if let clientCAFile { try TLSFiles.requireClients(of: clientCAFile, in: library) }
    }
  }

  /// For connections that we open. The server's certificate is always verified. Reads files: not on an event loop.
  ///
  /// - Parameters:
  ///   - caFile: PEM with the certificates to trust; nil: those of the system.
  ///   - certificateChainFile: PEM, shown to servers that ask (mTLS).
  package static func client(
    caFile: String? = nil, certificateChainFile: String? = nil, keyFile: String? = nil, alpn: ALPN
  ) throws(TLSFileError) -> TLSContext {
    try TLSContext(.client, alpn) { (library) throws(TLSFileError) in
      try TLSFiles.trust(caFile, in: library)
      if let certificateChainFile {
        // The key may be in the same file.
        try TLSFiles.loadIdentity(certificateChainFile, keyFile ?? certificateChainFile, into: library)
      }
    }
  }

  private init(
    _ role: Role, _ alpn: ALPN, _ load: (OpaquePointer) throws(TLSFileError) -> Void
  ) throws(TLSFileError) {
    ErrorQueue.clear()
    guard let library = SSL_CTX_new(role == .server ? TLS_server_method() : TLS_client_method()),
      lifeecho_tls_harden(library, Self.ciphers, Self.groups) == 1
    else {
      // Only without memory, or with a system configuration of OpenSSL that forbids these.
      let reason = ErrorQueue.take().first?.text ?? "no memory"
      throw TLSFileError(part: .certificateChain, path: "", problem: "OpenSSL cannot be set up: \(reason)")
    }
    do {
      try load(library)
    } catch {
      SSL_CTX_free(library)
      throw error
    }
    self.library = library
    self.role = role
    self.alpn = alpn
    let end_s = lifeecho_tls_certificate_end(library)
    certificateEnd_s = end_s == 0 ? nil : end_s
    let wire = alpn.wireForm
    names = .allocate(capacity: wire.count)
    _ = names.initialize(from: wire)
    taken = .allocate(capacity: 1)
    taken.initialize(to: lifeecho_tls_alpn(names: UnsafePointer(names.baseAddress), count: UInt32(wire.count)))
    switch role {
    case .server:
      lifeecho_tls_set_server_alpn(library, taken, alpn.isRequired ? 1 : 0)
      // Tickets carry the session, nothing is kept here. One is enough: a client that resumes gets a new one.
      SSL_CTX_set_num_tickets(library, 1)
      SSL_CTX_set_timeout(library, Limits.ticket_s)
    case .client:
      SSL_CTX_set_alpn_protos(library, names.baseAddress, UInt32(wire.count))
    }
    lifeecho_tls_disable_session_cache(library)
  }

  deinit {
    SSL_CTX_free(library)
    taken.deallocate()
    names.deallocate()
  }

  /// A new SSL, owned by the caller; nil without memory.
  func makeConnection() -> OpaquePointer? { SSL_new(library) }

  /// TLS 1.2: forward secrecy and authenticated encryption only. Clients choose among what both know: a phone without
  /// AES instructions is faster with ChaCha20. TLS 1.3 has such suites only.
  private static let ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20"
  private static let groups = "X25519:P-256:P-384"
}
