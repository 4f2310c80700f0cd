import Foundation

/// The user's terminal, or what stands for it in a pipe or a file.
enum Terminal {
  /// A line on stdout, at once. Where it cannot be written nobody wants the rest: the command ends.
  static func show(_ text: String) {
    guard let problem = write(text, to: STDOUT_FILENO) else { return }
    complain("lifeecho: stdout: \(problem)")
    exit(EXIT_FAILURE)
  }

  /// A server's line on stdout; what went wrong, for it goes on.
  static func announce(_ text: String) -> String? { write(text, to: STDOUT_FILENO) }

  /// A line on stderr; where it cannot be written nobody hears of it.
  static func complain(_ text: String) { _ = write(text, to: STDERR_FILENO) }

  /// Returns what went wrong.
  private static func write(_ text: String, to descriptor: Int32) -> String? {
    var rest = Array((text + "\n").utf8)
    while !rest.isEmpty {
      let count = Glibc.write(descriptor, rest, rest.count)
      if count >= 0 {
        rest.removeFirst(count)
      } else if errno != EINTR {
        return String(cString: strerror(errno))
      }
    }
    return nil
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
