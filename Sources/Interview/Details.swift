/// Finds the words of the person that are fit to be said back: short, concrete, understandable alone.
enum Details {
  /// Best first. First and second person are turned around: “我家” is “您家” when the interviewer says it.
  static func phrases(_ clauses: [[Unicode.Scalar]]) -> [String] {
    var scored: [(score: Int, position: Int, text: String)] = []
    for (position, clause) in clauses.enumerated() {
      let words = stripped(clause)
      guard (2...14).contains(words.count), !unfit.contains(words), !startsBadly(words) else { continue }
      var score = Lexicon.things.matches(in: words).count * 4 + Lexicon.kin.matches(in: words).count * 2
      score += Lexicon.joys.matches(in: words).count + Lexicon.prides.matches(in: words).count * 2
      score += Lexicon.places.contains(words) ? 1 : 0
      score += Lexicon.actions.contains(words) ? 1 : 0
      score += Lexicon.hardships.matches(in: words).count * 3
      score -= words.contains("姓") ? 3 : 0
      score -= words.contains("他") || words.contains("她") || words.contains("就") ? 2 : 0
      score -= words.starts(with: "没".unicodeScalars) ? 4 : 0
      score += (4...10).contains(words.count) ? 2 : 0
      scored.append((score, position, turned(words)))
    }
    return scored.filter { $0.score >= 3 }
      .sorted { $0.score != $1.score ? $0.score > $1.score : $0.position < $1.position }
      .map(\.text)
  }

  /// What follows “她总说” and the like.
  static func saying(_ clauses: [[Unicode.Scalar]]) -> String? {
    for (clause, next) in zip(clauses, clauses.dropFirst()) where (3...16).contains(next.count) {
      guard sayingMarks.contains(where: { clause.reversed().starts(with: $0.unicodeScalars.reversed()) }) else {
        continue
      }
      return String(String.UnicodeScalarView(next))
    }
    return nil
  }

  private static let sayingMarks = [
    "总说", "常说", "老说", "总是说", "常常说", "经常说", "告诉我", "教我", "嘱咐我", "跟我说", "对我说", "总跟我们说", "跟我们说", "口头禅是", "那句话",
  ]

  private static let prefixes = [
    "然后", "后来", "就是", "那时候", "那会儿", "那个时候", "当时", "因为", "所以", "但是", "可是", "不过", "而且", "还有", "反正", "其实", "比如",
    "结果", "于是", "嗯", "哦", "啊", "唉", "哎", "呃", "哈哈", "对", "是的", "那个", "这个", "小时候", "记得", "我记得", "还记得", "一般", "都是", "也就是",
    "我就记得",
    "要说", "说起来", "最", "就", "也", "还", "有时候", "每次", "每天", "有一回", "有一次", "有一天",
  ]
  private static let suffixes = ["了嘛", "嘛", "啊", "呀", "呢", "吧", "哩", "咯", "哦", "来着", "哪", "哈", "啦"]
  private static let unfit = KeywordTable<Bool>(
    "不知道 你 您 什么 怎么 吗 谁 哪 不想 不说 忘了 记不 不记得 没什么 没啥 好像 可能 大概 这样 那样 如果 要是 虽然 的话 的时候 以后 之后 死 走了 没了 哭 去世 过世 而已",
    value: true)
  private static let badStarts = [
    "的", "得", "了", "着", "过", "和", "跟", "被", "给", "让", "再", "又", "才", "却", "并", "或", "他", "她", "它", "那", "这", "有的",
    "一个是", "不",
  ]

  private static func stripped(_ clause: [Unicode.Scalar]) -> [Unicode.Scalar] {
    var rest = clause[...]
    while let prefix = prefixes.first(where: {
      rest.count > $0.unicodeScalars.count && rest.starts(with: $0.unicodeScalars)
    }) {
      rest = rest.dropFirst(prefix.unicodeScalars.count)
    }
    while let suffix = suffixes.first(where: {
      rest.count > $0.unicodeScalars.count && rest.reversed().starts(with: $0.unicodeScalars.reversed())
    }) {
      rest = rest.dropLast(suffix.unicodeScalars.count)
    }
    return Array(rest)
  }

  private static func startsBadly(_ words: [Unicode.Scalar]) -> Bool {
    badStarts.contains { words.starts(with: $0.unicodeScalars) }
      || "的得把被和跟在是从给让向".unicodeScalars.contains(words[words.count - 1])
  }

  /// A short answer as the interviewer says it back.
  static func turned(_ text: String) -> String {
    Clauses.split(text).map(turned).joined(separator: "，")
  }

  private static func turned(_ words: [Unicode.Scalar]) -> String {
    var text = String.UnicodeScalarView()
    var position = 0
    for match in turns.matches(in: words) {
      text.append(contentsOf: words[position..<match.range.lowerBound])
      // “我妈” alone is “母亲”; a clause that begins with it says whose.
      if match.range.lowerBound == 0, match.value.isRelative { text.append("您") }
      text.append(contentsOf: match.value.text.unicodeScalars)
      position = match.range.upperBound
    }
    text.append(contentsOf: words[position...])
    return String(text)
  }

  private struct Turned: Sendable {
    let text: String
    var isRelative = false
  }

  private static let turns = KeywordTable<Turned>(
    ["我妈妈", "我妈", "我娘"].map { ($0, Turned(text: "母亲", isRelative: true)) }
      + ["我爸爸", "我爸", "我爹"].map { ($0, Turned(text: "父亲", isRelative: true)) }
      + ["我们", "咱们", "俺们"].map { ($0, Turned(text: "你们")) } + ["我", "俺", "咱"].map { ($0, Turned(text: "您")) })
}
