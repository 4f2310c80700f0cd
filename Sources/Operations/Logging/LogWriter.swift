import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Takes log lines from any thread without ever blocking it and writes them to a descriptor in order. When the reader
/// stalls, lines beyond the bound are dropped and counted; the count is logged once the reader reads again.
package final class LogWriter: Sendable {
  package static let standardError: LogWriter = {
    let writer = LogWriter(descriptor: STDERR_FILENO)
    atexit { LogWriter.standardError.flush() }
    return writer
  }()

  private struct Backlog {
    var bytes: [UInt8] = []
    var droppedLines = 0
    var isDraining = false
  }

  private let descriptor: Int32
  private let backlog = Mutex(Backlog())
  private let queue = DispatchQueue(label: "log-writer")

  /// The descriptor stays the caller's; it is neither closed nor changed.
  package init(descriptor: Int32) {
    self.descriptor = descriptor
  }

  /// `line` ends with a line feed.
  func write(_ line: [UInt8]) {
    let mustStart = backlog.withLock { backlog in
      guard backlog.bytes.count + line.count <= Limits.logBacklogBytes else {
        backlog.droppedLines += 1
        return false
      }
      backlog.bytes.append(contentsOf: line)
      defer { backlog.isDraining = true }
      return !backlog.isDraining
    }
    if mustStart { queue.async { self.drain() } }
  }

  /// Returns when everything logged before is written. Blocks: for the end of a process and for tests.
  package func flush() {
    queue.sync { drain() }
  }

  private func drain() {
    while true {
      let (bytes, dropped) = backlog.withLock { backlog in
        defer {
          backlog.bytes = []
          backlog.droppedLines = 0
          backlog.isDraining = false
        }
        return (backlog.bytes, backlog.droppedLines)
      }
      guard !bytes.isEmpty || dropped > 0 else { return }
      writeAll(bytes)
      if dropped > 0 {
        writeAll(
          Array("{\"level\":\"warning\",\"logger\":\"log\",\"message\":\"\(dropped) log lines dropped\"}\n".utf8))
      }
    }
  }

  private func writeAll(_ bytes: [UInt8]) {
    var rest = bytes
    while !rest.isEmpty {
      let count = systemWrite(descriptor, rest, rest.count)
      if count > 0 {
        rest.removeFirst(count)
      } else if errno == EAGAIN {
        var readiness = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&readiness, 1, -1)
      } else if errno != EINTR {
        return
      }
    }
  }
}

private let systemWrite = write(_:_:_:)
