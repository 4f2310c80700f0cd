import CLibPQ
import Foundation

/// The server's log: one file and its predecessor, each bounded.
struct ServerLog: Sendable {
  let path: String

  var size: Int {
    (try? FileManager.default.attributesOfItem(atPath: path)[.size] as? Int) ?? 0
  }

  /// For the server to append to. The caller closes it.
  func open() throws(PrivateClusterError) -> Int32 {
    if size > ClusterLimits.logBytes { rename(path, path + ".1") }
    let descriptor = lifeecho_open(path, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    guard descriptor >= 0 else {
      throw PrivateClusterError("cannot write \(path): \(String(cString: strerror(errno)))")
    }
    return descriptor
  }

  /// While the server writes: it appends, so it goes on at the new end.
  func empty(ifOver limit: Int = ClusterLimits.logBytes) {
    if size > limit { truncate(path, 0) }
  }

  func text(from offset: Int) -> String {
    guard let file = FileHandle(forReadingAtPath: path) else { return "" }
    defer { try? file.close() }
    do {
      try file.seek(toOffset: UInt64(size >= offset ? offset : 0))
      return String(decoding: try file.read(upToCount: ClusterLimits.outputBytes) ?? Data(), as: UTF8.self)
    } catch {
      return ""
    }
  }
}
