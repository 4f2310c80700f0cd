import Glibc

/// The file descriptors that this process may have.
enum Descriptors {
  /// Raises the soft limit to the hard one: the soft one is 1,024 nearly everywhere, for the sake of programs that use
  /// select(2).
  static func raiseLimit() {
    var limit = limits
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }

  /// How many connections may be open: three quarters of the descriptors, and no more than `most`. The rest is for the
  /// database, the engines, files and the phones.
  static func connections(most: Int) -> Int {
    Int(min(limits.rlim_cur / 4 * 3, rlim_t(most)))
  }

  private static var limits: rlimit {
    var limit = rlimit()
    getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    return limit
  }
}
