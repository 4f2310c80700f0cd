import Foundation
import NIOCore
import NIOPosix

/// The file of a Unix socket: cleared of a dead server's remains before binding, removed after.
enum UnixSocketFile {
  /// Makes `path` free to bind.
  ///
  /// - Throws: `GRPCServer.StartError` when the path is too long, is something else than a socket, or a live server
  ///   answers on it.
  static func prepare(_ path: String, group: any EventLoopGroup) async throws {
    let address = ListenAddress.unix(path: path)
    guard path.utf8.count <= Limits.unixSocketPath_bytes else {
      throw GRPCServer.StartError(
        address: address, reason: "the path has \(path.utf8.count) bytes; at most \(Limits.unixSocketPath_bytes) fit")
    }
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    guard let attributes else { return }
    guard attributes[.type] as? FileAttributeType == .typeSocket else {
      throw GRPCServer.StartError(address: address, reason: "the path exists and is not a socket")
    }
    if let channel = try? await ClientBootstrap(group: group).connect(unixDomainSocketPath: path).get() {
      try? await channel.close().get()
      throw GRPCServer.StartError(address: address, reason: "another server is listening there")
    }
    remove(path)
  }

  static func remove(_ path: String) {
    try? FileManager.default.removeItem(atPath: path)
  }

  static func setMode(_ mode: Int, _ path: String) throws {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }
}
