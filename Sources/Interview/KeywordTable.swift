/// Finds many words in a text in one pass: one look-up per scalar of the text, whatever the number of words.
package struct KeywordTable<Value: Sendable>: Sendable {
  private struct Entry: Sendable {
    let scalars: [Unicode.Scalar]
    let value: Value

    func stands(in text: [Unicode.Scalar], at position: Int) -> Bool {
      guard position + scalars.count <= text.count else { return false }
      for offset in scalars.indices where text[position + offset] != scalars[offset] { return false }
      return true
    }
  }

  package struct Match: Sendable {
    package let value: Value
    /// Positions in the scalars of the text.
    package let range: Range<Int>
  }

  /// Entries by the low bits of their first scalar: no hashing for the many scalars that begin no word.
  private var buckets: [[Entry]]
  private var mask: Int { buckets.count - 1 }

  package init(_ words: [(String, Value)]) {
    var size = 16
    while size < words.count * 2 { size *= 2 }
    buckets = Array(repeating: [], count: size)
    for (word, value) in words {
      let scalars = Array(word.unicodeScalars)
      guard let first = scalars.first else { continue }
      buckets[Int(first.value) & mask].append(Entry(scalars: scalars, value: value))
    }
    for index in buckets.indices {
      buckets[index].sort { $0.scalars.count > $1.scalars.count }
    }
  }

  /// Words separated by white space, all with one value.
  package init(_ words: String, value: Value) {
    self.init(words.split(whereSeparator: \.isWhitespace).map { (String($0), value) })
  }

  /// All matches in order; of several words at one place the longest, and none inside another match.
  package func matches(in text: [Unicode.Scalar]) -> [Match] {
    var found: [Match] = []
    var position = 0
    while position < text.count {
      let entry = bucket(text[position]).first { $0.stands(in: text, at: position) }
      if let entry {
        found.append(Match(value: entry.value, range: position..<(position + entry.scalars.count)))
        position += entry.scalars.count
      } else {
        position += 1
      }
    }
    return found
  }

  /// Every word at every place, also those inside others and several values of one word.
  package func allMatches(in text: [Unicode.Scalar]) -> [Match] {
    var found: [Match] = []
    for position in text.indices {
      for entry in bucket(text[position]) where entry.stands(in: text, at: position) {
        found.append(Match(value: entry.value, range: position..<(position + entry.scalars.count)))
      }
    }
    return found
  }

  package func contains(_ text: [Unicode.Scalar]) -> Bool {
    text.indices.contains { position in
      bucket(text[position]).contains { $0.stands(in: text, at: position) }
    }
  }

  private func bucket(_ scalar: Unicode.Scalar) -> [Entry] { buckets[Int(scalar.value) & mask] }
}
