import Foundation

/// A secret that no description, log line or dump shows.
package struct APIKey: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  let text: String

  /// nil for a key that cannot stand in a header (RFC 9110 §5.5).
  package init?(_ text: String) {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
    self.text = text
  }

  /// The file's text without white space around it. Reads a file: for start-up, not for an event loop.
  package init(file path: String) throws {
    let contents = try String(contentsOfFile: path, encoding: .utf8)
    guard let key = APIKey(contents.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      throw APIKeyError(path: path)
    }
    self = key
  }

  package var description: String { "APIKey(hidden)" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: []) }
}

package struct APIKeyError: Error, CustomStringConvertible {
  let path: String
  package var description: String { "\(path): it holds no API key (one line of visible ASCII)" }
}
