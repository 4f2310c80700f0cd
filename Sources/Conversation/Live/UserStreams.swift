/// How many streams of one kind each user has open on this server, at most `Limits.userStreams`. A value; whoever counts
/// guards it.
struct UserStreams {
  private var counts: [UserID: Int] = [:]

  /// False: the user has as many as one may have. `remove` follows otherwise.
  mutating func add(_ user: UserID) -> Bool {
    let count = counts[user, default: 0]
    guard count < Limits.userStreams else { return false }
    counts[user] = count + 1
    return true
  }

  mutating func remove(_ user: UserID) {
    guard let count = counts[user] else { return }
    counts[user] = count > 1 ? count - 1 : nil
  }
}
