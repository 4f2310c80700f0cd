import CLibPQ
import Foundation

/// A small shell that outlives the service just long enough to stop PostgreSQL.
///
/// It holds one end of a socket pair whose other end only the service has (a pipe would answer with SIGPIPE when the
/// shell is gone). However the service ends, that end closes, and the shell sends PostgreSQL SIGINT (fast shutdown). It has a session of its own, so Ctrl-C of a terminal spares it.
/// Not PR_SET_PDEATHSIG, which follows the thread that started the child, not the process.
final class ClusterWatcher: Sendable {
  private let pid: pid_t
  /// Our end. PostgreSQL's launcher writes its pid into it as well.
  let descriptor: Int32

  init(data: String, removing directories: [String]) throws(PrivateClusterError) {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw PrivateClusterError("the process is out of file descriptors")
    }
    defer { close(ends[0]) }
    do {
      pid = try ChildProcess.start(
        ["/bin/sh", "-c", Self.script, "lifeecho-watcher", data] + directories, input: ends[0])
    } catch {
      close(ends[1])
      throw error
    }
    descriptor = ends[1]
  }

  /// `$1` is the data directory, what follows is removed at the end.
  private static let script = """
    server=
    while read -r word value; do
      case $word in
        postgres) server=$value ;;
        gone) server= ;;
        done) exit 0 ;;
      esac
    done
    data=$1
    shift
    if [ -n "$server" ]; then
      case $(tr '\\0' ' ' 2>/dev/null <"/proc/$server/cmdline") in
        *"$data"*)
          kill -INT "$server"
          tries=0
          while kill -0 "$server" 2>/dev/null && [ "$tries" -lt 150 ]; do
            case $(cut -d ')' -f 2 2>/dev/null <"/proc/$server/stat") in ' Z'*) break ;; esac
            tries=$((tries + 1))
            [ "$tries" -ne 100 ] || kill -QUIT "$server"
            sleep 0.1
          done
          ;;
      esac
    fi
    [ "$#" -eq 0 ] || rm -rf -- "$@"
    """

  /// The server has ended; its process id may come to mean another process.
  func serverIsGone() {
    tell("gone\n")
  }

  /// Ends the shell without touching anything. Blocks for a moment.
  func dismiss() {
    tell("done\n")
    close(descriptor)
    _ = ChildProcess.wait(pid)
  }

  private func tell(_ line: String) {
    let bytes = Array(line.utf8)
    _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
  }
}
