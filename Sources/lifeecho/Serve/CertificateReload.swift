import Logging
import TLS
import UnixSignals

/// Reads the certificates and keys again at each SIGHUP. New connections use them; those there are go on.
enum CertificateReload {
  /// Runs until it is cancelled; without contexts there is nothing to do, and SIGHUP ends the process as usual.
  static func start(_ contexts: [ReloadableTLSContext], logger: Logger) -> Task<Void, Never>? {
    guard !contexts.isEmpty else { return nil }
    return Task {
      for await _ in await UnixSignalsSequence(trapping: .sighup) { reload(contexts, logger) }
    }
  }

  /// Files that cannot be used change nothing.
  private static func reload(_ contexts: [ReloadableTLSContext], _ logger: Logger) {
    do {
      for context in contexts { try context.reload() }
      logger.notice("certificates reloaded")
    } catch {
      logger.error("certificates not reloaded, the old ones stay", metadata: ["reason": "\(error)"])
    }
  }
}
