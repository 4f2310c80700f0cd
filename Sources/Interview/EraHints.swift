/// Well-known facts of the times a person lived through, chosen by birth year and place. Facts only, no judgement, and
/// never as something the person must have lived through: they help to ask, not to tell.
package struct EraHint: Sendable, Equatable {
  /// The year, or the first year, of the fact.
  package let year: Int
  /// The person's age in that year.
  package let age: Int
  package let text: String
}

package enum EraHints {
  private struct Fact: Sendable {
    let year: Int
    let ages: ClosedRange<Int>
    /// Words of places it belongs to; empty: the whole country.
    let places: [String]
    let text: String

    init(_ year: Int, _ ages: ClosedRange<Int>, _ text: String, _ places: String = "") {
      self.year = year
      self.ages = ages
      self.places = places.split(separator: " ").map(String.init)
      self.text = text
    }
  }

  /// - Parameters:
  ///   - stage: facts that fall into this chapter of life come alone; `nil`: the whole life.
  ///   - max: those of the person's own place come first, then by year.
  package static func hints(birthYear: Int?, place: String, stage: Stage? = nil, max: Int = 4) -> [EraHint] {
    guard let birthYear, max > 0 else { return [] }
    let matching = facts.filter { fact in
      let age = fact.year - birthYear
      guard fact.ages.contains(age), stage?.ages.contains(age) ?? true else { return false }
      return fact.places.isEmpty || fact.places.contains { place.contains($0) }
    }
    let own = matching.filter { !$0.places.isEmpty }
    let general = matching.filter { $0.places.isEmpty }
    return (own + general).prefix(max).sorted { $0.year < $1.year }
      .map { EraHint(year: $0.year, age: $0.year - birthYear, text: $0.text) }
  }

  private static let facts: [Fact] = [
    Fact(1945, 4...30, "1945年抗战胜利"),
    Fact(1949, 3...40, "1949年新中国成立"),
    Fact(1950, 5...45, "五十年代初农村土地改革"),
    Fact(1950, 6...40, "五十年代初各地办夜校、扫盲班识字"),
    Fact(1952, 6...60, "1952年成渝铁路通车", "四川 成都 重庆 内江 资阳"),
    Fact(1953, 6...45, "1953年开始第一个五年计划，各地建厂招工"),
    Fact(1954, 5...50, "1954年新疆生产建设兵团成立", "新疆 石河子 乌鲁木齐 阿克苏 伊犁"),
    Fact(1955, 4...60, "1955年起买粮要用粮票，后来买布、买油也凭票"),
    Fact(1957, 5...60, "1957年武汉长江大桥通车", "武汉 湖北 武昌 汉口 汉阳"),
    Fact(1958, 4...50, "1958年农村办人民公社，大家吃公共食堂"),
    Fact(1960, 6...50, "1960年前后大庆油田会战", "黑龙江 大庆 哈尔滨 齐齐哈尔"),
    Fact(1960, 3...45, "六十年代初粮食紧张，家家都得算计着过"),
    Fact(1960, 8...45, "六十年代林县修红旗渠", "河南 林县 林州 安阳"),
    Fact(1964, 12...45, "六十年代中期开始三线建设，不少工厂迁到内地", "四川 贵州 陕西 重庆 云南 湖北 攀枝花 甘肃 十堰 遵义"),
    Fact(1966, 6...22, "1966年起学校停课，高考也停了"),
    Fact(1967, 4...45, "那些年看露天电影、听大队的广播喇叭"),
    Fact(1968, 14...24, "1968年起城里的中学生上山下乡，当知青"),
    Fact(1968, 6...60, "1968年南京长江大桥通车", "南京 江苏"),
    Fact(1968, 14...40, "北大荒建生产建设兵团，来了许多知青", "黑龙江 北大荒 佳木斯 鹤岗 建三江"),
    Fact(1970, 18...38, "那时候结婚讲究“三转一响”：自行车、手表、缝纫机、收音机"),
    Fact(1976, 5...60, "1976年唐山大地震", "唐山 河北 天津"),
    Fact(1977, 15...32, "1977年恢复高考"),
    Fact(1978, 12...55, "1978年以后改革开放"),
    Fact(1979, 14...50, "知青陆续返城", "上海 北京 天津 武汉 杭州 南京 重庆 成都"),
    Fact(1980, 12...50, "1980年深圳设经济特区", "深圳 广东 广州 东莞 珠海 汕头"),
    Fact(1981, 16...55, "八十年代初农村包产到户，地分到各家"),
    Fact(1983, 18...50, "八十年代家里开始添电视机、洗衣机、冰箱"),
    Fact(1984, 18...50, "八十年代不少人停薪留职、自己做买卖，叫“下海”"),
    Fact(1985, 16...55, "1985年宝钢投产", "上海 宝山"),
    Fact(1988, 14...55, "1988年海南建省办特区", "海南 海口 三亚"),
    Fact(1990, 14...60, "1990年浦东开发开放", "上海 浦东"),
    Fact(1993, 12...70, "1993年粮票停止使用"),
    Fact(1996, 25...55, "九十年代国营厂改制，许多工人下岗再就业"),
    Fact(1997, 12...80, "1997年香港回归"),
    Fact(1998, 25...65, "1998年起单位不再分房，大家自己买房"),
    Fact(1998, 10...80, "1998年长江、松花江、嫩江发大水", "湖北 武汉 九江 江西 湖南 黑龙江 哈尔滨 齐齐哈尔 吉林"),
    Fact(2006, 20...90, "2006年全国取消农业税"),
    Fact(2008, 20...95, "2008年北京办奥运会"),
    Fact(2008, 10...95, "2008年汶川地震", "四川 汶川 成都 绵阳 德阳 都江堰"),
    Fact(2010, 40...95, "2010年上海办世博会", "上海"),
  ]
}
