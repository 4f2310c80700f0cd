/// The known name that a mistyped one most likely meant.
enum NearestName {
  /// nil when nothing is near: more than a third of the letters, and more than two, would have to change.
  static func suggestion(for name: String, among known: [String]) -> String? {
    if let longer = known.first(where: { $0.hasPrefix(name) }) { return longer }
    let typed = Array(name.utf8)
    let nearest = known.map { (name: $0, distance: distance(typed, Array($0.utf8))) }.min { $0.distance < $1.distance }
    guard let nearest, nearest.distance <= max(2, typed.count / 3) else { return nil }
    return nearest.name
  }

  /// Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours.
  static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    for i in 1...a.count {
      var row = [i] + [Int](repeating: 0, count: b.count)
      for j in 1...b.count {
        row[j] = min(row[j - 1] + 1, last[j] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] { row[j] = min(row[j], beforeLast[j - 2] + 1) }
      }
      (beforeLast, last) = (last, row)
    }
    return last[b.count]
  }
}
