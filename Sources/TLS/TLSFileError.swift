/// A file with certificates or a key that cannot be used.
package struct TLSFileError: Error, Equatable, CustomStringConvertible {
  package enum Part: Sendable { case certificateChain, privateKey, clientCA, trustedCA }

  package let part: Part
  /// Empty for the system's certificates.
  package let path: String
  package let problem: String

  package var description: String { path.isEmpty ? problem : "\(path): \(problem)" }
}
