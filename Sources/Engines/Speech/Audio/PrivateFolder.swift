import Conversation
import Foundation

/// A directory of one conversion, which nobody else can look into. Its name tells whose it is, so that what a killed
/// process left of somebody's speech is removed by the next one.
struct PrivateFolder {
  let url: URL
  private static let prefix = "lifeecho-audio-"

  init(in parent: URL) throws(SpeechRecognitionError) {
    url = parent.appendingPathComponent("\(Self.prefix)\(getpid())-\(UUID().uuidString)")
    do {
      try FileManager.default.createDirectory(
        at: url, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    } catch {
      throw .unreachable("no temporary directory could be made for ffmpeg")
    }
  }

  func remove() {
    try? FileManager.default.removeItem(at: url)
  }

  /// Removes the folders of processes that have ended.
  static func sweep(_ parent: URL) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: parent.path)) ?? [] where name.hasPrefix(prefix) {
      guard let owner = name.dropFirst(prefix.count).split(separator: "-").first.flatMap({ Int32($0) }), owner > 0,
        kill(owner, 0) == -1, errno == ESRCH
      else { continue }
      try? FileManager.default.removeItem(at: parent.appendingPathComponent(name))
    }
  }
}
