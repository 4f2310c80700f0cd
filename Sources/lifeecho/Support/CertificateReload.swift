import Foundation
import Logging
import TLS
import UnixSignals

/// Reads the certificates and keys again at each SIGHUP. New connections use them; those there are go on.
///
/// A process without a terminal is never ended by SIGHUP, also while it starts: `systemctl reload` may come at any time.
struct CertificateReload {
  /// An operator has this long to renew a certificate: two working weeks, half of what short-lived ones have left when
  /// they are usually renewed.
  private static let warning_s: Int64 = 14 * 86_400

  private let hangups: UnixSignalsSequence?

  /// The first thing a command does: nobody listens to signals yet.
  static func ignoreHangups() {
    if !hasTerminal { signal(SIGHUP, SIG_IGN) }
  }

  /// Listens from now on; what comes before `start` waits for it.
  ///
  /// - Parameter isNeeded: there are files to reload. Without any SIGHUP changes nothing; or, where there is a terminal, it
  ///   says that this was closed, and ends the process as usual.
  init(isNeeded: Bool) async {
    hangups = isNeeded || !Self.hasTerminal ? await UnixSignalsSequence(trapping: .sighup) : nil
  }

  /// Runs until it is cancelled.
  func start(_ contexts: [ReloadableTLSContext], logger: Logger) -> Task<Void, Never>? {
    Self.warn(contexts, logger)
    guard let hangups else { return nil }
    return Task {
      for await _ in hangups { Self.reload(contexts, logger) }
    }
  }

  private static var hasTerminal: Bool {
    let terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC)
    guard terminal >= 0 else { return false }
    close(terminal)
    return true
  }

  /// Files that cannot be used change nothing.
  private static func reload(_ contexts: [ReloadableTLSContext], _ logger: Logger) {
    do {
      for context in contexts { try context.reload() }
      logger.notice(contexts.isEmpty ? "there are no certificates to reload" : "certificates reloaded")
      warn(contexts, logger)
    } catch {
      logger.error("certificates not reloaded, the old ones stay", metadata: ["reason": "\(error)"])
    }
  }

  /// All listeners have the same certificate, so one warning is enough.
  private static func warn(_ contexts: [ReloadableTLSContext], _ logger: Logger) {
    guard let end_s = contexts.compactMap(\.current.certificateEnd_s).min() else { return }
    let end = Date(timeIntervalSince1970: Double(end_s))
    guard end.timeIntervalSinceNow < Double(warning_s) else { return }
    let what = end.timeIntervalSinceNow < 0 ? "the TLS certificate has expired" : "the TLS certificate ends soon"
    logger.warning("\(what)", metadata: ["valid_until": "\(end.formatted(.iso8601))"])
  }
}
