import Auth
import Foundation
import Operations

/// The directory that holds what a server keeps beside its database: the token secret, and where it listens, so that
/// the other commands find it.
struct DataDirectory {
  let path: String

  init(_ configuration: ServiceConfiguration) { path = configuration.data.path }

  private var addressFile: String { path + "/grpc-address" }

  func create() throws {
    do {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw CommandFailure("cannot create the data directory \(path): \(error.localizedDescription)")
    }
  }

  /// The secret of `jwt.secret_file`, or the generated one.
  func secret(_ configuration: ServiceConfiguration, create: Bool) throws -> TokenSecret {
    if let file = configuration.jwt.secretFile {
      return try naming("jwt.secret_file") { try SecretFile(path: file).load() }
    }
    let file = SecretFile(path: path + "/jwt-secret")
    if create { return try file.loadOrCreate() }
    do {
      return try file.load()
    } catch {
      throw CommandFailure(
        "no secret to sign tokens with (\(error)); start `lifeecho serve` with the same --data-dir first, or give "
          + "--jwt-secret-file")
    }
  }

  func writeAddress(_ address: String) throws {
    try Data((address + "\n").utf8).write(to: URL(fileURLWithPath: addressFile), options: .atomic)
  }

  /// When this server's is noted there: a second one in the directory may have noted its own.
  func removeAddress(_ address: String) {
    if readAddress() == address { try? FileManager.default.removeItem(atPath: addressFile) }
  }

  /// Where the server of this directory listens; `nil` when none runs.
  func readAddress() -> String? {
    guard let text = try? String(contentsOfFile: addressFile, encoding: .utf8) else { return nil }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
