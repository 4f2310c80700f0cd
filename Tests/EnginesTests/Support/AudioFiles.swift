import Conversation
import Foundation

/// The samples of Tests/Audio.
enum AudioFiles {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Audio")

  static func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
  }

  static func recording(_ name: String) throws -> Recording {
    Recording(bytes: try bytes(name), declaredFormat: nil, duration_ms: 0)
  }

  /// What is said in a sample, such as `zh1`.
  static func text(_ id: String) throws -> String? {
    let table = try String(contentsOf: folder.appendingPathComponent("texts.tsv"), encoding: .utf8)
    return table.split(separator: "\n").map { $0.split(separator: "\t") }.first { $0.first == id[...] }?.last.map(
      String.init)
  }
}
