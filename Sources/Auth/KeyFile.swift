import Foundation

/// A key, secret or key set that cannot be used: which file, and what to mend. Never holds key material.
package struct KeyError: Error, Sendable, Equatable, CustomStringConvertible {
  package let path: String
  package let problem: String

  package var description: String { "\(path): \(problem)" }
}

enum KeyFile {
  /// The whole file as text. Reads files, so it is for start-up, not for an event loop.
  static func text(at path: String) throws(KeyError) -> String {
    let data: Data
    do {
      let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
      defer { try? file.close() }
      data = try file.read(upToCount: Limits.keyFileBytes + 1) ?? Data()
    } catch {
      throw KeyError(path: path, problem: "it cannot be read: \(reason(error))")
    }
    guard data.count <= Limits.keyFileBytes else {
      throw KeyError(path: path, problem: "it is larger than \(Limits.keyFileBytes) bytes, so it is not a key file")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw KeyError(path: path, problem: "it is not text")
    }
    return text
  }

  private static func reason(_ error: any Error) -> String {
    let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? any Error ?? error
    if let posix = underlying as? POSIXError { return String(cString: strerror(posix.code.rawValue)) }
    switch (error as? CocoaError)?.code {
    case .fileReadNoSuchFile, .fileNoSuchFile: return "No such file or directory"
    case .fileReadNoPermission: return "Permission denied"
    default: return (error as NSError).localizedDescription
    }
  }
}
