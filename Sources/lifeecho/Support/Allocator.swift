import Foundation

/// glibc's allocator, set for a server.
enum Allocator {
  /// Freed blocks of one size that a thread keeps for its next allocations. glibc's 7 suit a program that frees what it
  /// took; an event loop takes for a batch of calls what it frees after the batch, 30 to 100 blocks of a size.
  private static let setting = "glibc.malloc.tcache_count=127"
  private static let variable = "GLIBC_TUNABLES"

  /// Begins the program again under the same process id, with the setting: glibc reads it only at the start of a
  /// program, from the environment. By its own path, so that the process keeps its name; a binary that was replaced
  /// meanwhile is reached through /proc only. 10 % of a unary call (docs/PERFORMANCE.md). Does nothing when the environment sets
  /// glibc's tunables itself, or when the program cannot be begun again: it runs as well without.
  static func tune() {
    guard getenv(variable) == nil else { return }
    setenv(variable, setting, 1)
    if let path = ownPath { execv(path, CommandLine.unsafeArgv) }
    execv("/proc/self/exe", CommandLine.unsafeArgv)
  }

  /// nil when the running file has none any more.
  private static var ownPath: String? {
    guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else { return nil }
    return path.hasSuffix(" (deleted)") ? nil : path
  }
}
