extension Phrases {
  static let introductions = [
    "我是陪您聊天的访谈员，专门听长辈讲过去的故事。",
    "我是帮您整理回忆录的访谈员，往后由我来听您讲故事。",
    "我是您的访谈员，最爱听人讲从前的事。",
  ]
  static let promises = [
    "咱们慢慢聊，聊到哪儿算哪儿，不想说的随时可以不说。",
    "您想到什么说什么，说不上来的就跳过去，不着急。",
    "没有对错，也不赶时间，您讲，我记。",
  ]
  static let openings = ["今天咱们坐下来，慢慢聊聊您的故事。", "我泡好了茶，就等着听您讲故事。", "从今天起，咱们把您这一辈子的事慢慢记下来。"]
  static let openingRemarks = [
    "想到哪儿说到哪儿，我都爱听。",
    "平平常常的小事，记下来最有味道。",
    "不用讲究先后，您起个头就好。",
  ]

  /// The first words after a time away; glad, never a complaint.
  static func welcomes(_ bucket: IdleBucket) -> [String] {
    switch bucket {
    case .hours: ["咱们又见面啦。", "歇好了吧，我在这儿呢。", "又能听您讲故事了。"]
    case .days: ["又见到您，真高兴。", "您来啦，我正等着听故事呢。", "又能跟您坐下来聊聊了。"]
    case .week: ["看见您来，我心里真高兴。", "您来了，真好。", "今天又能陪您说说话了。"]
    case .long: ["能再听见您说话，真好。", "您来了，我真高兴。", "又能陪您聊聊天，真好。"]
    }
  }

  static let recalls = ["上回说到{s}，我还记着呢。", "您上回讲的{s}，我收得好好的。", "上次那段{s}，听得我入神。"]
}
