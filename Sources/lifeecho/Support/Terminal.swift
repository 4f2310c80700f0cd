import Foundation

/// The user's terminal, or what stands for it in a pipe.
enum Terminal {
  /// A line on stdout, at once.
  static func show(_ text: String) {
    FileHandle.standardOutput.write(Data((text + "\n").utf8))
  }

  /// The lines of stdin until its end, read by a thread of their own: reading blocks.
  static func lines() -> AsyncStream<String> {
    AsyncStream { continuation in
      Thread {
        while let line = readLine() { continuation.yield(line) }
        continuation.finish()
      }.start()
    }
  }
}
