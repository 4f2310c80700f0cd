import Foundation

/// The file with the HS256 secret. The secret is its text without the line end, as other tools read it.
package struct SecretFile: Sendable {
  package let path: String

  package init(path: String) {
    self.path = path
  }

  /// - Throws: `KeyError` when the file cannot be read or holds under 32 bytes.
  package func load() throws(KeyError) -> TokenSecret {
    var bytes = Array(try KeyFile.text(at: path).utf8)
    while let last = bytes.last, last == UInt8(ascii: "\n") || last == UInt8(ascii: "\r") { bytes.removeLast() }
    return try TokenSecret(bytes, origin: path)
  }

  /// Loads the secret, or makes a random one with mode 0600. Two processes that start at once get the same: the file
  /// appears whole, by link(2), and the loser reads the winner's.
  package func loadOrCreate() throws(KeyError) -> TokenSecret {
    if access(path, F_OK) == 0 { return try load() }
    let text = Array((TokenSecret.random().hexadecimal + "\n").utf8)
    let draft = path + ".\(getpid()).\(UInt32.random(in: 0 ... .max))"
    let file = open(draft, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw failure("it cannot be created", errno) }
    defer { unlink(draft) }
    let written = write(file, text, text.count)
    let synchronised = fsync(file)
    let writeError = errno
    close(file)
    guard written == text.count, synchronised == 0 else { throw failure("it cannot be written", writeError) }
    guard link(draft, path) == 0 || errno == EEXIST else { throw failure("it cannot be created", errno) }
    return try load()
  }

  /// Whether others than the owner can read it: worth a warning, not a refusal (mounted secrets are 0444).
  package var isReadableByOthers: Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & 0o077 != 0
  }

  private func failure(_ what: String, _ code: Int32) -> KeyError {
    KeyError(path: path, problem: "\(what): \(String(cString: strerror(code)))")
  }
}
