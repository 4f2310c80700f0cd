import Synchronization

/// The TLS context of the moment: a listener asks for it at each new connection, so that certificates can be replaced
/// while connections that began with the old ones go on. Safe from any thread.
package final class ReloadableTLSContext: Sendable {
  private let load: @Sendable () throws(TLSFileError) -> TLSContext
  private let state: Mutex<TLSContext>

  /// Loads at once. `load` reads files: it and `reload` do not belong on an event loop.
  package init(_ load: @escaping @Sendable () throws(TLSFileError) -> TLSContext) throws(TLSFileError) {
    self.load = load
    state = Mutex(try load())
  }

  /// A context that stays as it is.
  package init(_ context: TLSContext) {
    load = { () throws(TLSFileError) in context }
    state = Mutex(context)
  }

  package var current: TLSContext { state.withLock { $0 } }

  /// Reads the files again. When they cannot be used, the old context stays and the error is thrown.
  package func reload() throws(TLSFileError) {
    let loaded = try load()
    state.withLock { $0 = loaded }
  }
}
