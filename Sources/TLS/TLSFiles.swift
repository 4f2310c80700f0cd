import COpenSSL

/// Puts the content of PEM files into a context, and says in plain words why it cannot.
enum TLSFiles {
  static func loadIdentity(
    _ chain: String, _ key: String, into library: OpaquePointer
  ) throws(TLSFileError) {
    try probe(chain, .certificateChain)
    guard SSL_CTX_use_certificate_chain_file(library, chain) == 1 else {
      throw TLSFileError(part: .certificateChain, path: chain, problem: certificateProblem(ErrorQueue.take()))
    }
    try probe(key, .privateKey)
    guard SSL_CTX_use_PrivateKey_file(library, key, SSL_FILETYPE_PEM) == 1, SSL_CTX_check_private_key(library) == 1
    else {
      throw TLSFileError(part: .privateKey, path: key, problem: keyProblem(ErrorQueue.take(), chain: chain))
    }
    ErrorQueue.clear()
  }

  /// nil: the system's certificates.
  static func trust(_ file: String?, in library: OpaquePointer) throws(TLSFileError) {
    if let file {
      try probe(file, .trustedCA)
      guard SSL_CTX_load_verify_file(library, file) == 1 else {
        throw TLSFileError(part: .trustedCA, path: file, problem: certificateProblem(ErrorQueue.take()))
      }
      // What the file holds is trusted as it is, be it a server's own certificate.
      X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(library), UInt(X509_V_FLAG_PARTIAL_CHAIN))
    } else {
      guard SSL_CTX_set_default_verify_paths(library) == 1 else {
        throw TLSFileError(part: .trustedCA, path: "", problem: "the system's certificates cannot be read")
      }
    }
    SSL_CTX_set_verify(library, SSL_VERIFY_PEER, nil)
    ErrorQueue.clear()
  }

  static func requireClients(of file: String, in library: OpaquePointer) throws(TLSFileError) {
    try probe(file, .clientCA)
    guard SSL_CTX_load_verify_file(library, file) == 1, let names = SSL_load_client_CA_file(file) else {
      throw TLSFileError(part: .clientCA, path: file, problem: certificateProblem(ErrorQueue.take()))
    }
    SSL_CTX_set_client_CA_list(library, names)
    SSL_CTX_set_verify(library, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nil)
    // A ticket of one listener must not vouch for a client at another with other CAs: the context's own name.
    let name = Array("lifeecho".utf8)
    SSL_CTX_set_session_id_context(library, name, UInt32(name.count))
    ErrorQueue.clear()
  }

  private static func probe(_ path: String, _ part: TLSFileError.Part) throws(TLSFileError) {
    ErrorQueue.clear()
    let code = lifeecho_tls_probe_file(path)
    guard code == 0 else {
      throw TLSFileError(part: part, path: path, problem: String(cString: strerror(code)))
    }
  }

  private static func certificateProblem(_ entries: [ErrorQueue.Entry]) -> String {
    let isEmpty = entries.contains {
      $0.is(ERR_LIB_PEM, PEM_R_NO_START_LINE) || $0.is(ERR_LIB_X509, X509_R_NO_CERTIFICATE_OR_CRL_FOUND)
    }
    if isEmpty || entries.isEmpty { return "it holds no PEM certificate" }
    return "it holds no usable certificate: \(entries[0].text)"
  }

  private static func keyProblem(_ entries: [ErrorQueue.Entry], chain: String) -> String {
    for entry in entries where entry.library == ERR_LIB_X509 {
      switch entry.reason {
      case X509_R_KEY_VALUES_MISMATCH, X509_R_KEY_TYPE_MISMATCH:
        return "it is not the key of the certificate in \(chain)"
      default: break
      }
    }
    let texts = entries.map(\.text)
    if texts.contains(where: { $0.contains("password") || $0.contains("interrupted or cancelled") }) {
      return "the key is encrypted; it must be stored without a passphrase"
    }
    if entries.contains(where: { $0.is(ERR_LIB_PEM, PEM_R_NO_START_LINE) || $0.text == "unsupported" }) {
      return "it holds no PEM private key"
    }
    return "it holds no usable private key: \(texts.first ?? "unknown")"
  }
}
