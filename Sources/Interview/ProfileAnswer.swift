/// Reads places and occupations from short answers; no dictionary of places, only the words around them.
package enum ProfileAnswer {
  /// The place of an answer like “我是山东人”, “在上海”, “老家四川绵阳的”; `nil` when the answer names none.
  package static func place(_ text: String) -> String? {
    for clause in clauses(text) {
      var words = clause
      if let marker = placeMarkers.matches(in: words).last { words = Array(words[marker.range.upperBound...]) }
      words = strippedPrefix(words, placePrefixes)
      if let cut = placeStops.matches(in: words).first { words = Array(words[..<cut.range.lowerBound]) }
      words = strippedSuffix(words, placeSuffixes)
      if let name = name(words), !notPlaces.contains(words) { return name }
    }
    return nil
  }

  /// “一样”, “就在老家”, “没离开过”: the person grew up where they were born.
  package static func isSamePlace(_ text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    return scalars.count <= 16 && samePlace.contains(scalars)
  }

  /// The occupation of an answer like “在纺织厂上班”, “教书的”, “种了一辈子地”; `nil` when the answer names none.
  package static func occupation(_ text: String) -> String? {
    let all = Array(text.unicodeScalars)
    for clause in clauses(text) {
      if let workplace = workplace(clause) { return workplace }
    }
    if let trade = trades.matches(in: all).first { return trade.value }
    for clause in clauses(text) {
      var words = strippedPrefix(clause, occupationPrefixes)
      words = strippedSuffix(words, occupationSuffixes)
      if let name = name(words), !notOccupations.contains(words) { return name }
    }
    return nil
  }

  /// A place said in so many words inside a longer answer: “五二年生在山东”. Stricter than `place`.
  package static func statedPlace(_ text: String) -> String? {
    for clause in clauses(text) {
      let said = statedPlaceMarkers.contains(clause)
      let person = clause.last == "人" && clause.contains("是") && clause.count <= 10
      if said || person, let name = place(String(String.UnicodeScalarView(clause))), name.count >= 2 { return name }
    }
    return nil
  }

  private static func clauses(_ text: String) -> [[Unicode.Scalar]] {
    Clauses.split(text).filter { !$0.isEmpty && !fillers.contains(String(String.UnicodeScalarView($0))) }
  }

  /// “在…上班”, “在…工作”: the place of work, with what one is there when the name tells it.
  private static func workplace(_ clause: [Unicode.Scalar]) -> String? {
    guard let verb = workVerbs.matches(in: clause).first, let at = clause.firstIndex(of: "在"),
      at < verb.range.lowerBound
    else { return nil }
    let words = strippedPrefix(Array(clause[(at + 1)..<verb.range.lowerBound]), ["一家", "一个", "我们", "县里的", "家"])
    guard let place = name(words) else { return nil }
    if notWorkplaces.contains(words) { return nil }
    let inner = Array(clause[verb.range.upperBound...])
    if let trade = trades.matches(in: inner).first { return place + trade.value }
    if "厂矿坊".unicodeScalars.contains(words[words.count - 1]) { return place + "工人" }
    return place + "工作"
  }

  private static func name(_ words: [Unicode.Scalar]) -> String? {
    guard (2...Limits.profileCharacters).contains(words.count),
      !words.contains(where: { "?？吗".unicodeScalars.contains($0) })
    else { return nil }
    return String(String.UnicodeScalarView(words))
  }

  private static func strippedPrefix(_ words: [Unicode.Scalar], _ prefixes: [String]) -> [Unicode.Scalar] {
    var rest = words[...]
    while let prefix = prefixes.first(where: { rest.starts(with: $0.unicodeScalars) }) {
      rest = rest.dropFirst(prefix.unicodeScalars.count)
    }
    return Array(rest)
  }

  private static func strippedSuffix(_ words: [Unicode.Scalar], _ suffixes: [String]) -> [Unicode.Scalar] {
    var rest = words[...]
    while let suffix = suffixes.first(where: { rest.reversed().starts(with: $0.unicodeScalars.reversed()) }) {
      rest = rest.dropLast(suffix.unicodeScalars.count)
    }
    return Array(rest)
  }

  private static let fillers: Set<String> = ["嗯", "哦", "噢", "啊", "呃", "这个", "那个", "对", "是的", "是", "好", "好的", "哎"]

  private static let placeMarkers = KeywordTable<Bool>(
    "出生在 出生于 生在 生于 长在 搬到了 搬到 搬去 去了 到了 来到 跟着到 老家是 老家在 住在 来自 就是在 就在 是在", value: true)
  private static let statedPlaceMarkers = KeywordTable<Bool>("出生在 出生于 生在 生于 老家是 老家在 来自", value: true)
  private static let placeStops = KeywordTable<Bool>(
    "出生 生的 生人 长大 长的 那边 那里 那儿 那块 住到 过的 待到 念书 上学 一直", value: true)
  private static let placePrefixes = [
    "我们", "咱们", "我家", "我", "俺", "咱", "小时候", "从小", "后来", "那时候", "当时", "老家", "祖籍", "籍贯", "嗯", "哦",
    "啊", "呃", "就", "是", "在", "也", "都", "的", "一直", "以前",
  ]
  private static let placeSuffixes = ["地方", "的人", "人", "的", "啊", "呀", "呢", "吧", "了", "哦", "嘛", "哩", "咯", "里头"]
  private static let notPlaces = KeywordTable<Bool>(
    "不知道 不晓得 忘了 记不 不清楚 不想 不说 什么 怎么 你 您 随便 老家 这里 那里 不告诉 没有 没啥", value: true)
  private static let samePlace = KeywordTable<Bool>(
    "一样 同一个 还是那 也是那 就那 也在那 没离开 没挪 没动过 没出过 就在老家 就在当地 就在村 也是老家 还在老家 在老家 本地 也是这 都在那 都是那 就在那 也在老家 也是在那",
    value: true)

  private static let workVerbs = KeywordTable<Bool>("上班 上的班 工作 干活 做工 做事 当 教书 干了 做了 干过 打工 做", value: true)
  private static let notWorkplaces = KeywordTable<Bool>("家 家里 地里 田里 外面 外头 那时候 当时", value: true)
  private static let trades = KeywordTable<String>([
    ("教书", "教师"), ("老师", "教师"), ("教师", "教师"), ("民办教师", "民办教师"), ("教小学", "小学教师"), ("教中学", "中学教师"),
    ("种地", "务农"), ("种田", "务农"), ("务农", "务农"), ("农民", "务农"), ("庄稼", "务农"), ("一辈子地", "务农"), ("下地", "务农"),
    ("当兵", "军人"), ("军人", "军人"), ("部队", "军人"), ("开火车", "火车司机"), ("开车", "司机"), ("司机", "司机"), ("赤脚医生", "赤脚医生"),
    ("当医生", "医生"), ("医生", "医生"), ("大夫", "医生"), ("护士", "护士"), ("做饭", "厨师"), ("厨师", "厨师"), ("做买卖", "经商"),
    ("做生意", "经商"), ("做小生意", "经商"), ("摆摊", "摆摊"), ("开店", "开店"), ("卖菜", "卖菜"), ("会计", "会计"), ("木匠", "木匠"), ("裁缝", "裁缝"),
    ("泥瓦匠", "泥瓦匠"),
    ("挡车工", "挡车工"), ("钳工", "钳工"), ("车工", "车工"), ("电工", "电工"), ("矿工", "矿工"), ("下井", "矿工"), ("工人", "工人"), ("打鱼", "渔民"),
    ("渔民", "渔民"),
    ("家庭妇女", "操持家务"), ("家庭主妇", "操持家务"), ("带孩子", "操持家务"), ("家务", "操持家务"), ("没上过班", "操持家务"),
    ("没有工作", "操持家务"), ("没工作", "操持家务"), ("村干部", "村干部"), ("大队书记", "大队书记"), ("干部", "干部"), ("机关", "机关干部"), ("公务员", "机关干部"),
    ("工程师", "工程师"), ("技术员", "技术员"), ("售货员", "售货员"), ("营业员", "营业员"), ("供销社", "供销社职工"), ("警察", "警察"), ("记者", "记者"),
    ("打工", "打工"),
  ])
  private static let occupationPrefixes = [
    "我们", "我", "俺", "以前", "原来", "年轻时候", "年轻的时候", "年轻时", "那时候", "退休前", "退休以前", "一辈子", "一直", "主要", "是个", "是",
    "当了", "当过", "当", "做过", "干过", "做的是", "干的是", "从事", "就", "都", "个", "嗯", "哦", "呃",
  ]
  private static let occupationSuffixes = [
    "出身", "退休的", "退休", "工作的", "的工作", "一辈子", "的", "啊", "呀", "呢", "吧", "了", "嘛",
  ]
  private static let notOccupations = KeywordTable<Bool>(
    "不知道 忘了 不想 不说 什么 怎么 你 您 随便 没有 没啥 不告诉 说来话长 很多 好多", value: true)
}
