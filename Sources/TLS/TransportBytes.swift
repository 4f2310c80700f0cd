import COpenSSL

/// What a libssl call on an event loop may read and where it may write. One for all connections of a loop, since a call
/// ends before the next begins.
final class TransportBytes {
  let pointer: UnsafeMutablePointer<lifeecho_tls_bytes>

  init() {
    pointer = .allocate(capacity: 1)
    pointer.initialize(to: lifeecho_tls_bytes())
  }

  deinit { pointer.deallocate() }

  /// The table of the BIOs that use it; nil without memory.
  static let method = Method()

  /// `@unchecked Sendable`: made once, then only read; never freed.
  final class Method: @unchecked Sendable {
    let library: OpaquePointer?
    fileprivate init() { library = lifeecho_tls_bio_method() }
  }
}
