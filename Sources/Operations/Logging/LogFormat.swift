package import Logging

#if canImport(Glibc)
  import Glibc
#endif

/// How log lines look.
package enum LogFormat: String, Sendable, CaseIterable {
  /// Text when standard error is a terminal, else JSON.
  case auto
  case json
  case text

  /// Makes this the format and `level` the least level of every logger of the process. Call once, first thing.
  package func bootstrap(level: Logger.Level, writer: LogWriter = .standardError) {
    let isText = self == .text || (self == .auto && isatty(STDERR_FILENO) == 1)
    LoggingSystem.bootstrap { label in
      if isText { return TextLogHandler(label: label, level: level, writer: writer) }
      return JSONLogHandler(label: label, level: level, writer: writer)
    }
  }
}
