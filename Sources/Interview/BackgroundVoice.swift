/// The world of words a person comes from; it changes vocabulary and examples only (voice systems survey §3.3).
package enum BackgroundVoice: String, Sendable, CaseIterable {
  case teacher, farmer, worker, soldier, medical, cadre, trade, homemaker, neutral

  package init(occupation: String) {
    let scalars = Array(occupation.unicodeScalars)
    self = BackgroundVoice.keywords.matches(in: scalars).first?.value ?? .neutral
  }

  /// How to speak with the person, for a chat model.
  package var guidance: String {
    switch self {
    case .teacher: "对方教过书：可以用“讲台、学生、备课、板书”这些词，敬重而不文绉绉。"
    case .farmer: "对方种过地：用“地里、收成、节气、赶集、场院”这些词，说大白话。"
    case .worker: "对方是工人出身：用“车间、师傅、班组、三班倒、厂里”这些词，说话爽快实在。"
    case .soldier: "对方当过兵：用“连队、战友、班长、拉练、探家”这些词，干脆利落。"
    case .medical: "对方做过医护：用“病人、值班、出诊、药箱”这些词，体贴细致。"
    case .cadre: "对方做过机关工作：用“单位、下乡、开会、材料、群众”这些词，稳重得体。"
    case .trade: "对方做过买卖：用“铺子、进货、主顾、赶集、本钱”这些词，亲热活络。"
    case .homemaker: "对方操持家务：用“一家老小、灶台、针线、过日子”这些词，亲切家常。"
    case .neutral: "用日常的大白话，不用行话。"
    }
  }

  /// How the built-in interviewer mentions the person's work in an opening; `nil` when nothing is known.
  package var openingRemark: String? {
    switch self {
    case .teacher: "您教了那么多年书，肚子里一定有好多故事。"
    case .farmer: "您跟土地打了那么多年交道，见过的事一定不少。"
    case .worker: "您在厂里忙了那么多年，一定有好多故事可说。"
    case .soldier: "您当过兵，走过的路一定比别人多。"
    case .medical: "您照看过那么多病人，见过的人和事一定不少。"
    case .cadre: "您为大伙儿操了那么多年的心，经过的事一定不少。"
    case .trade: "您走南闯北做过买卖，见过的人一定多。"
    case .homemaker: "您操持一大家子，里里外外都是故事。"
    case .neutral: nil
    }
  }

  private static let keywords = KeywordTable<BackgroundVoice>(
    [
      (BackgroundVoice.teacher, "教师 老师 教书 教授 校长 教员 讲师 学校 教导"),
      (.farmer, "农民 务农 种地 种田 种菜 庄稼 养猪 养鸡 放羊 放牛 牧民 渔民 打鱼 果农 生产队 社员 农场 林场"),
      (
        .worker,
        "工人 纺织 钢铁 挡车 钳工 车工 焊工 电工 木工 木匠 瓦工 泥瓦 矿工 煤矿 机修 车间 工厂 厂 司机 铁路 建筑 裁缝 工程师 技术员 油田 打工 装卸 邮递"
      ),
      (.soldier, "军人 当兵 部队 战士 军官 解放军 志愿军 海军 空军 连长 排长 营长 团长 兵团 转业军人 老兵"),
      (.medical, "医生 大夫 护士 中医 赤脚医生 药剂 医院 卫生院 卫生所 接生 兽医 药房"),
      (.cadre, "干部 机关 公务员 书记 主任 局长 科长 处长 村长 会计 出纳 文书 银行 税务 公社 街道 妇联 警察 公安 记者 编辑"),
      (.trade, "经商 生意 买卖 摆摊 开店 卖 个体 老板 售货 营业员 供销社 商店 百货 饭店 厨师 采购 推销"),
      (.homemaker, "家务 家庭妇女 家庭主妇 主妇 带孩子 操持 保姆 家属"),
    ].flatMap { voice, words in words.split(separator: " ").map { (String($0), voice) } })
}
