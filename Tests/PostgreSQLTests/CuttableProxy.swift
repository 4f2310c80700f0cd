import Foundation
import Synchronization

/// Passes bytes between a client and the test server through a socket of its own, until it is cut.
final class CuttableProxy: Sendable {
  let url: String
  private let directory: TemporaryDirectory
  private let listener: Int32
  private let descriptors = Mutex<[Int32]>([])

  /// - Parameter target: a connection string with `host='…'` naming a socket directory.
  init(target: String) throws {
    directory = try TemporaryDirectory()
    let host = try Self.host(in: target)
    url = target.replacingOccurrences(of: host, with: directory.path)
    listener = try UnixSocket.listen(directory.path + "/.s.PGSQL.5432")
    let thread = Thread { [self, listener] in
      let client = accept(listener, nil, nil)
      guard client >= 0, let server = try? UnixSocket.connect(host + "/.s.PGSQL.5432") else { return }
      descriptors.withLock { $0 = [client, server] }
      Thread.detachNewThread { [self] in pump(server, client) }
      pump(client, server)
    }
    thread.start()
  }

  deinit {
    close(listener)
    for descriptor in descriptors.withLock({ $0 }) { close(descriptor) }
  }

  func cut() {
    for descriptor in descriptors.withLock({ $0 }) { shutdown(descriptor, Int32(SHUT_RDWR)) }
  }

  private func pump(_ from: Int32, _ to: Int32) {
    var buffer = [UInt8](repeating: 0, count: 16_384)
    while true {
      let count = read(from, &buffer, buffer.count)
      guard count > 0 else { break }
      guard send(to, buffer, count, Int32(MSG_NOSIGNAL)) == count else { break }
    }
    shutdown(to, Int32(SHUT_WR))
  }

  private static func host(in url: String) throws -> String {
    let parts = url.split(separator: "'")
    guard parts.count > 1, url.hasPrefix("host='") else { throw ConditionNotMet() }
    return String(parts[1])
  }
}

enum UnixSocket {
  static func listen(_ path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    guard withAddress(path, { Glibc.bind(descriptor, $0, $1) }) == 0, Glibc.listen(descriptor, 8) == 0 else {
      throw ConditionNotMet()
    }
    return descriptor
  }

  static func connect(_ path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    guard withAddress(path, { Glibc.connect(descriptor, $0, $1) }) == 0 else { throw ConditionNotMet() }
    return descriptor
  }

  private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}

/// A directory that is removed with the value; short enough for sockets, and open to the user PostgreSQL runs as.
final class TemporaryDirectory: Sendable {
  let path: String

  init(mode: mode_t = 0o755) throws {
    var template = Array("/tmp/pgtest-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw ConditionNotMet() }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    chmod(path, mode)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }
}
