/// Reads a birth year from an answer in everyday words (voice systems survey §3.3).
package enum BirthYear {
  package enum Reading: Sendable, Equatable {
    /// The year was said: “1952”, “五二年”, “民国三十八年”.
    case year(Int)
    /// Worked out from the age, with the sign when it was told; wants a yes.
    case candidate(Int)
    /// Only a zodiac sign (0 = 鼠): the age is still needed.
    case zodiac(Int)
    case none
  }

  /// Ages that a birth year may give, in years: the oldest person on record, and a child who can talk.
  static let plausibleAges = 5...122

  package static let zodiacNames = ["鼠", "牛", "虎", "兔", "龙", "蛇", "马", "羊", "猴", "鸡", "狗", "猪"]

  /// The sign of a year, not minding that the lunar year begins weeks later.
  package static func zodiac(ofYear year: Int) -> Int { ((year - 4) % 12 + 12) % 12 }

  /// - Parameters:
  ///   - localYear: the calendar year where the person lives.
  ///   - knownZodiac: a sign that was told before.
  package static func read(_ text: String, localYear: Int, knownZodiac: Int? = nil) -> Reading {
    let scalars = Array(text.unicodeScalars.filter { !$0.properties.isWhitespace })
    if let year = writtenYear(scalars, localYear: localYear) { return .year(year) }
    let sign = zodiac(in: scalars) ?? knownZodiac
    if let age = age(in: scalars) { return .candidate(birthYear(age: age, zodiac: sign, localYear: localYear)) }
    if let sign { return .zodiac(sign) }
    return .none
  }

  /// The year nearest to an age that has the sign. An age may be counted the old way, which makes it one higher.
  static func birthYear(age: Int, zodiac sign: Int?, localYear: Int) -> Int {
    let year = localYear - age
    guard let sign else { return year }
    return [0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6].map { year + $0 }.first { zodiac(ofYear: $0) == sign } ?? year
  }

  private static func isPlausible(_ year: Int, _ localYear: Int) -> Bool { plausibleAges.contains(localYear - year) }

  private static func writtenYear(_ text: [Unicode.Scalar], localYear: Int) -> Int? {
    var bare: Int?
    for run in ChineseNumber.runs(in: text) {
      guard let number = ChineseNumber.parse(Array(text[run])) else { continue }
      let before = run.lowerBound > 0 ? text[run.lowerBound - 1] : " "
      let after = run.upperBound < text.count ? text[run.upperBound] : " "
      if text[..<run.lowerBound].suffix(2) == ["民", "国"], (1...40).contains(number.value) {
        let year = 1911 + number.value
        if isPlausible(year, localYear) { return year }
      }
      switch number.digits {
      case 4:
        if isPlausible(number.value, localYear) { return number.value }
      case 2:
        let year = fullYear(number.value, localYear)
        guard isPlausible(year, localYear) else { continue }
        if after == "年" || after == "后" { return year }
        // “52” alone answers the question for the year; “52岁” does not.
        if text.count <= 4, after != "岁", before != "岁", !isArabicAge(text) { bare = bare ?? year }
      default: continue
      }
    }
    if bare == nil, let named = namedYears.matches(in: text).first { return named.value }
    return bare
  }

  private static let namedYears = KeywordTable<Int>([
    ("建国那年", 1949), ("解放那年", 1949), ("新中国成立那年", 1949), ("开国大典那年", 1949), ("抗战胜利那年", 1945),
  ])

  private static func fullYear(_ twoDigits: Int, _ localYear: Int) -> Int {
    let century = 1900 + twoDigits
    return localYear - century > 110 ? century + 100 : century
  }

  /// “72了” says an age, “52” a year.
  private static func isArabicAge(_ text: [Unicode.Scalar]) -> Bool {
    text.contains("了") || text.contains("周") || text.contains("虚")
  }

  private static let ageMarks = KeywordTable<Bool>("今年 岁 虚 周岁 多大 年纪 高龄 快", value: true)

  private static func age(in text: [Unicode.Scalar]) -> Int? {
    for run in ChineseNumber.runs(in: text) {
      guard let number = ChineseNumber.parse(Array(text[run])), (15...122).contains(number.value) else { continue }
      let after = run.upperBound < text.count ? text[run.upperBound] : " "
      if after == "年" || after == "月" || after == "号" || after == "日" { continue }
      if after == "岁" || after == "了" || after == "多" || number.digits == nil || ageMarks.contains(text) {
        return number.value
      }
    }
    return nil
  }

  /// A sign counts after 属, or as the whole answer.
  private static func zodiac(in text: [Unicode.Scalar]) -> Int? {
    for (index, name) in zodiacNames.enumerated() {
      guard let sign = name.unicodeScalars.first, let position = text.firstIndex(of: sign) else { continue }
      let before = text[..<position].suffix(3)
      if before.contains("属") || text.count == 1 { return index }
    }
    if text.contains("属"), text.contains("耗") || text.contains("兔") { return text.contains("耗") ? 0 : 3 }
    return nil
  }
}
