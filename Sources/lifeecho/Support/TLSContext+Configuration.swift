import Operations
import TLS

extension ReloadableTLSContext {
  /// For gRPC; nil for plaintext. Reads the files.
  static func forGRPC(_ configuration: ServiceConfiguration.TLS?) throws -> ReloadableTLSContext? {
    try make(configuration, alpn: .h2)
  }

  /// For the bridge's HTTP/1.1; nil for plaintext. Reads the files.
  static func forBridge(_ configuration: ServiceConfiguration.TLS?) throws -> ReloadableTLSContext? {
    try make(configuration, alpn: .http1)
  }

  private static func make(_ configuration: ServiceConfiguration.TLS?, alpn: ALPN) throws -> ReloadableTLSContext? {
    guard let configuration else { return nil }
    do {
      return try ReloadableTLSContext { () throws(TLSFileError) in
        try TLSContext.server(
          certificateChainFile: configuration.certificateFile, keyFile: configuration.keyFile, alpn: alpn)
      }
    } catch {
      throw CommandFailure("\(error.part == .privateKey ? "tls.key" : "tls.cert"): \(error)")
    }
  }
}
