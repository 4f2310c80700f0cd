import CLibPQ

/// Owns a `PGconn` and closes it.
///
/// `@unchecked Sendable`: one thread uses it at a time. The opener's thread hands it to the pool's thread through the
/// inbox's lock, once.
final class ConnectionHandle: @unchecked Sendable {
  let pointer: OpaquePointer

  /// Takes ownership.
  init(_ pointer: OpaquePointer) {
    self.pointer = pointer
  }

  deinit {
    PQfinish(pointer)
  }

  /// libpq's last words, as one line.
  var errorMessage: String {
    PQerrorMessage(pointer).map { PostgreSQLError.oneLine(String(cString: $0)) } ?? ""
  }
}

/// A connection that is ready for commands: non-blocking, and in pipeline mode if it belongs to a pool.
struct OpenedConnection: Sendable {
  let handle: ConnectionHandle
}

/// Permission to cancel what a connection runs, from another thread: `PQcancel` connects anew, and waits.
///
/// `@unchecked Sendable`: a `PGcancel` is read-only after its creation (libpq manual, 34.7).
final class CancelHandle: @unchecked Sendable {
  private let pointer: OpaquePointer

  init?(_ connection: ConnectionHandle) {
    guard let pointer = PQgetCancel(connection.pointer) else { return nil }
    self.pointer = pointer
  }

  deinit {
    PQfreeCancel(pointer)
  }

  /// Blocks until the server took the request, or could not be reached.
  func cancel() {
    var buffer = [CChar](repeating: 0, count: 256)
    _ = PQcancel(pointer, &buffer, 256)
  }
}
