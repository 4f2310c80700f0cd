import CLibPQ
import Foundation

/// Keeps a second service out of a data directory. The kernel frees it when the process ends, however it ends.
final class InstanceLock: Sendable {
  private let descriptor: Int32

  /// - Parameter directory: exists. The error names `label` and the process that holds the lock.
  init(directory: String, label: String) throws(PrivateClusterError) {
    let path = Self.path(in: directory)
    let descriptor = lifeecho_open(path, O_RDWR | O_CREAT, 0o600)
    guard descriptor >= 0 else {
      throw PrivateClusterError(
        "the data directory \(label) cannot be written: \(String(cString: strerror(errno))); give it to this user, or "
          + "choose another with --data-dir")
    }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let holder = Self.holder(of: directory).map { "process \($0)" } ?? "another process"
      close(descriptor)
      throw PrivateClusterError(
        "the data directory \(label) is in use by \(holder): stop it, or choose another with --data-dir")
    }
    let text = Array("\(getpid())\n".utf8)
    ftruncate(descriptor, 0)
    _ = write(descriptor, text, text.count)
    self.descriptor = descriptor
  }

  deinit {
    close(descriptor)
  }

  /// Whether some process, this one included, holds the lock.
  static func isHeld(_ directory: String) -> Bool {
    let descriptor = lifeecho_open(path(in: directory), O_RDONLY, 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    return flock(descriptor, LOCK_SH | LOCK_NB) != 0
  }

  private static func holder(of directory: String) -> Int? {
    (try? String(contentsOfFile: path(in: directory), encoding: .utf8)).flatMap {
      Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
    }
  }

  private static func path(in directory: String) -> String { directory + "/lock" }
}
