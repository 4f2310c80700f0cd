/// The words by which a message is understood. Tables only: what is done with them stands in `TextAnalysis`.
enum Lexicon {
  static let kin = KeywordTable<String>(
    ("""
    奶奶 爷爷 姥姥 姥爷 外婆 外公 太奶奶 太爷爷 父亲 母亲 爸爸 妈妈 我爸 我妈 我爹 我娘 俺爹 俺娘 哥哥 姐姐 弟弟 妹妹 大哥 二哥 三哥 大姐 二姐 三姐
    小弟 小妹 叔叔 婶婶 姑姑 舅舅 舅妈 姨妈 伯伯 大伯 老伴 老头子 老婆子 爱人 媳妇 丈夫 妻子 婆婆 公公 岳父 岳母 丈母娘 儿子 女儿 闺女 孙子 孙女 外孙
    师傅 老师 校长 班主任 同桌 同学 战友 连长 排长 班长 指导员 厂长 组长 队长 同事 工友 邻居 老乡 伙伴 发小 媒人 徒弟 学生 房东大娘 大娘 大爷 房东 大儿子 小儿子 大闺女 小闺女
    """).split(whereSeparator: \.isWhitespace).map { (String($0), personName(String($0))) })

  /// “我爸” is “父亲” when it is said back.
  private static func personName(_ word: String) -> String {
    switch word {
    case "我爸", "我爹", "俺爹", "爸爸": "父亲"
    case "我妈", "我娘", "俺娘", "妈妈": "母亲"
    case "老头子", "老婆子", "爱人": "老伴"
    default: word
    }
  }

  /// Words for people that seldom mean one person.
  static let manyPeople: Set<String> = ["邻居", "老乡", "学生", "同学", "伙伴", "同事", "工友", "战友"]

  /// Persons outside the family: “那位师傅”, not “您师傅”.
  static let acquaintances: Set<String> = [
    "师傅", "老师", "校长", "班主任", "同桌", "同学", "战友", "连长", "排长", "班长", "指导员", "厂长", "组长", "队长", "同事", "工友", "邻居",
    "老乡", "伙伴", "发小", "媒人", "徒弟", "学生", "房东大娘", "大娘", "大爷", "房东",
  ]

  /// Concrete things that make a picture.
  static let things = KeywordTable<Bool>(
    """
    枣树 槐树 柿子树 石榴树 桂花树 老树 煤油灯 油灯 土炕 火炕 炉子 灶台 水缸 水井 井台 石磨 纺车 织布机 缝纫机 自行车 手表 收音机 电视机 喇叭 广播 粮票
    布票 饺子 馒头 窝头 红薯 地瓜 玉米 高粱 小米粥 稀饭 腊肉 年糕 汤圆 糖葫芦 麦芽糖 冰棍 鸡蛋 红烧肉 面条 豆腐 咸菜 白面 猪油 棉袄 布鞋 军装 毛衣 红头绳 花布
    书包 课本 铅笔 钢笔 黑板 粉笔 奖状 大红花 照片 信 火车 轮船 拖拉机 牛车 马车 扁担 铺盖 箱子 被子 嫁妆 喜糖 搪瓷缸 饭盒 机床 车间 布机 镰刀 锄头 小河 河滩
    稻田 麦田 菜地 果园 山坡 桥头 码头 院子 天井 弄堂 胡同 祠堂 庙会 戏台 露天电影 皮影 鞭炮 灯笼 铁环 毽子 弹弓 陀螺 风筝 小人书 口琴 二胡 手风琴 大衣柜 筒子楼
    雪 雨 月亮 星星 稻草 麦秸 炊烟 柴火 猪 牛 羊 鸡 狗 老牛 小狗
    """, value: true)

  static let places = KeywordTable<Bool>(
    """
    村 乡 镇 县 市里 城里 省 街 巷 胡同 弄堂 院子 屋里 家里 学校 教室 操场 厂里 车间 工厂 单位 部队 连队 医院 车站 码头 河边 河里 山上 山里 地里 田里 田头 海边 桥
    公社 大队 供销社 宿舍 食堂 北京 上海 天津 重庆 山东 山西 河北 河南 湖北 湖南 广东 广西 四川 云南 贵州 陕西 甘肃 青海 新疆 西藏 内蒙古 宁夏 辽宁 吉林 黑龙江 东北 江苏
    浙江 安徽 福建 江西 海南 台湾 香港 南京 武汉 西安 成都 沈阳 哈尔滨 苏州 杭州 无锡 门口 炕上 灶 树下 井边
    """, value: true)

  static let times = KeywordTable<Bool>(
    """
    年 岁 那年 那时候 那会儿 小时候 当时 早上 晚上 夜里 中午 下午 天亮 天黑 半夜 春天 夏天 秋天 冬天 过年 腊月 正月 端午 中秋 清明 暑假 寒假 月 星期天 礼拜天
    后来 以前 一辈子 年代 十几岁 二十
    """, value: true)

  static let actions = KeywordTable<Bool>(
    """
    做 干 去 走 跑 吃 喝 买 卖 写 念 教 学 种 挑 背 扛 抱 打 送 带 搬 盖 修 织 缝 洗 煮 蒸
    烧 唱 跳 坐 骑 开 住 睡 给 拿 玩 爬 捉 逮 养 喂 挣 帮 领 穿 戴 考 当 嫁 娶 生 看 听 读 讲
    """, value: true)

  static let feelings = KeywordTable<Bool>(
    """
    高兴 开心 欢喜 快活 幸福 甜 暖 舒坦 踏实 满足 得意 骄傲 自豪 光荣 羡慕 想念 惦记 舍不得 感激 感动 害怕 怕 慌 紧张 着急 担心 委屈 难过 伤心 心疼 后悔 遗憾 孤单
    寂寞 苦 累 难 美 乐 笑 哭 喜欢 爱 亲 疼我 香 热闹 好玩
    """, value: true)

  static let joys = KeywordTable<Bool>(
    "高兴 开心 欢喜 快活 幸福 甜 乐 笑 好玩 热闹 香 喜欢 美滋滋 最皮 淘气 调皮 逗人 美得 好吃 有意思 过瘾 逗 疼我", value: true)
  static let hardships = KeywordTable<Bool>(
    "苦 太累 很累 真累 累得 最累 难 穷 饿 冷 冻 挨打 挨骂 受罪 吃不饱 发愁 欠债 熬 光着脚 光脚 打补丁 舍不得穿 舍不得吃 血泡 不够口粮 慌得 委屈 害怕 借钱 不容易 下岗 生病", value: true)
  static let notHardships = KeywordTable<Bool>("难忘 难得 人穷志 不苦 不难 不累 不冷 不饿 辛苦钱 冷饮 苦瓜 困难户补助 难怪 难道", value: true)
  static let prides = KeywordTable<Bool>(
    "得意 奖状 第一名 骄傲 自豪 光荣 表扬 劳模 先进 标兵 大红花 评上 立功 争气 出息 考上 当上 选上 学会 本事", value: true)

  static let refusals = KeywordTable<Bool>(
    "不想说 不想讲 不想提 不想聊 不想谈 不愿说 不愿意说 不愿意提 不愿提 不愿意讲 不愿意聊 不提了 不说了 不讲了 不谈了 别问了 不要问 别再问 不方便说 说不出口 不提也罢 不说也罢 不聊这个 不说这个 不提这个",
    value: true)
  static let skips = KeywordTable<Bool>("跳过 略过 过吧 下一个 下一题 pass", value: true)
  static let topicChanges = KeywordTable<Bool>(
    "换个话题 换一个话题 换话题 换个别的 换别的 聊点别的 说点别的 聊别的 说别的 讲点别的 谈点别的 聊聊别的 说说别的 换一个 换个事 换个说 不聊这个 不说这个 聊些别的 说些别的 问点别的",
    value: true)
  static let otherPersons = KeywordTable<Bool>("他 她 爸 妈 爹 娘 爷 奶 人家 别人 老伴 孩子 师傅 老师 大家 谁也 谁都", value: true)

  static let deaths = KeywordTable<Bool>(
    "去世 过世 病逝 离世 病故 走得早 走的早 没得早 送走了他 送走了她 送走了老 送走了母 送走了父 送走了我 牺牲了 夭折 没救过来 没救回来 断了气 咽了气 最后一面 守灵 出殡 下葬 撒手 人没了 没了好多年",
    value: true)
  static let departures = KeywordTable<Bool>("走了 没了 不在了 先走 离开我 离开我们", value: true)
  static let closest = KeywordTable<Bool>(
    "爸 妈 爹 娘 父亲 母亲 爷爷 奶奶 姥姥 姥爷 外婆 外公 老伴 老头子 老婆子 爱人 丈夫 妻子 儿子 女儿 闺女 孩子 哥 姐 弟 妹 战友 师傅 他 她", value: true)
  static let tears = KeywordTable<Bool>(
    """
    掉眼泪 流眼泪 流泪 眼泪 想哭 哭了 哭出来 伤心 难过 心里难受 心里疼 心痛 想他 想她
    想我妈 想我爸 想我娘 想老伴 舍不得他 舍不得她 放不下他 放不下她 梦见他 梦见她 觉得他还在 觉得她还在 心里空落落 心里空空
    """,
    value: true)

  static let requests = KeywordTable<Bool>("说说 聊聊 讲讲 谈谈 说一说 聊一聊 讲一讲 我想讲 我想聊 唠唠", value: true)
  static let ownStory = KeywordTable<Bool>("我 俺 那年 后来 当年 有一回 有一次 有一年", value: true)
  /// What is not asked when the person has just spoken of it.
  static let told = KeywordTable<String>(
    "脾气 岁 工资 奖状 大红花 自行车 名字 主意 布鞋 照片 烧炕 火车 怕".split(separator: " ").map { (String($0), String($0)) })
  static let spouses: Set<String> = ["老伴", "媳妇", "丈夫", "妻子"]
  static let descendants: Set<String> = [
    "儿子", "女儿", "闺女", "孙子", "孙女", "外孙", "大儿子", "小儿子", "大闺女", "小闺女",
  ]
  static let noes = KeywordTable<Bool>("没有 没 没啥 没什么 不知道 不晓得", value: true)
  static let yeses = KeywordTable<Bool>("对 是 没错 不错 嗯 正是 可不 差不多 好 行", value: true)
  static let wrongs = KeywordTable<Bool>("不对 不是 错了 算错 没对", value: true)

  static let sighs = KeywordTable<Bool>("唉 哎呀 夜里醒 睡不着 想得慌 空落 梦见 不习惯 舍不得 一个人过 冷清", value: true)

  static let danger = KeywordTable<Bool>(
    "不想活 活够了 想死 不如死了 活着没意思 活着没意 自杀 寻短见 了结自己 轻生 一了百了", value: true)
  static let emergencies = KeywordTable<Bool>("胸口疼 胸口痛 喘不上气 喘不过气 起不来了 动不了了 摔倒了 晕倒 头晕得厉害", value: true)
  static let now = KeywordTable<Bool>("现在 这会儿 刚才 刚刚 突然", value: true)
  static let past = KeywordTable<Bool>("那时 那会 以前 小时候 那年 当年 当时 从前 那天 年轻", value: true)

  static let farewells = KeywordTable<Bool>(
    """
    再见 拜拜 下次再 下回再 明天再 改天再 回头再聊 今天就到这 就到这儿 就到这里 先到这 不聊了 我累了 有点累 有些累 累了 困了 要睡 睡觉去 去睡了 歇会 歇一会 歇歇 想休息 要休息 休息了
    去做饭 要做饭 去吃饭 吃饭了 有事了 要出门 该走了 挂了 先这样
    """, value: true)
  static let forgetting = KeywordTable<Bool>(
    "记不清 记不得 记不起 记不住 不记得 忘了 忘记了 忘光 想不起 想不起来 没印象 不大记得 说不上来", value: true)
  static let helloes = KeywordTable<Bool>("你好 您好 早上好 下午好 晚上好 喂 在吗 哈喽", value: true)
  static let thanks = KeywordTable<Bool>("谢谢你 谢谢您 谢谢 多谢 辛苦你", value: true)
  static let fillers = KeywordTable<Bool>(
    """
    嗯 哦 噢 啊 呃 唉 哎 是的 是啊 是呀 对的 对啊 对呀 对 是 好的 好啊 好吧 行 行吧
    可以 没什么好说的 没啥好说的 没啥可说的 没什么可说的 还行 还好 还可以 一般 就那样 就那么回事 没什么 没啥 没有 没 有 有的 有啊 不知道 不晓得 不清楚
    说不好 差不多 都行 都好 随便 吧 呢 了 呀 就 也 怎么说呢 不好说 那个 这个 挺好 不错 哈哈 呵呵 嘿嘿
    """, value: true)

  static let questions: [(InterviewerQuestion, KeywordTable<Bool>)] = [
    (.sayAgain, KeywordTable("再说一遍 再说一次 没听清 听不清 没听明白 没听懂 听不懂 什么意思 你说什么 你说啥 您说什么 你问什么 问的啥 问的什么 说慢点 大声点", value: true)),
    (.canYouHear, KeywordTable("听得到 听得见 听见了吗 听到了吗 听见没 听到没 还在吗 在不在 你在吗 在听吗 收到了吗 收到没", value: true)),
    (.areYouHuman, KeywordTable("机器人 真人 是人吗 人工智能 是电脑 是机器 是假的 是AI 是ai 活人", value: true)),
    (
      .whoAreYou, KeywordTable("你是谁 您是谁 你是哪位 您是哪位 你是什么人 你是干什么的 你是干啥的 你是做什么的 你叫什么 您叫什么 怎么称呼你 怎么称呼您 你贵姓 您贵姓", value: true)
    ),
    (.whoReads, KeywordTable("谁会看 谁看 给谁看 谁能看 写成书 出书 别人看 会不会传出去 保密 讲出去 说出去", value: true)),
    (.whyAsk, KeywordTable("问这个干 问这些干 问这干 为什么问 为啥问 问这个做什么 问这些做什么 问这个有什么用 说这些有什么用 说这些有啥用 打听这", value: true)),
    (.whatToTalkAbout, KeywordTable("聊什么 说什么好 说啥好 聊啥 讲什么 讲啥 从哪说起 从哪儿说起 从哪里说起 说点什么 说点啥", value: true)),
    (.howAreYou, KeywordTable("你吃了吗 您吃了吗 吃饭了吗 你多大 您多大 你几岁 你结婚 你有孩子 你家在 你是哪里人 你是哪儿人 你老家 你累不累 你忙不忙 你好吗", value: true)),
    (.yourOpinion, KeywordTable("你觉得 你说呢 你看呢 你怎么看 您觉得 你认为 你说对不对 你说是不是 你说怪不怪 你信不信", value: true)),
  ]

  /// Plain statements that rule slots out.
  static let notApplicable = KeywordTable<[SlotID]>([
    ("没上过学", schooling), ("没念过书", schooling), ("没读过书", schooling), ("没进过学堂", schooling), ("没上过一天学", schooling),
    ("没念过一天书", schooling), ("没读过一天书", schooling),
    ("没结婚", marriage), ("没结过婚", marriage), ("没成家", marriage), ("没成过家", marriage), ("一直单身", marriage),
    ("一辈子单身", marriage),
    ("打了一辈子光棍", marriage),
    ("没孩子", children), ("没有孩子", children), ("没生过孩子", children), ("没儿没女", children), ("无儿无女", children),
    ("没有儿女", children),
    ("没有孙子", [SlotID(.laterLife, "grandchildren")]), ("没孙子", [SlotID(.laterLife, "grandchildren")]),
    ("没有孙辈", [SlotID(.laterLife, "grandchildren")]), ("还没抱上孙", [SlotID(.laterLife, "grandchildren")]),
    ("独生子", [SlotID(.childhood, "siblings_kin")]), ("独生女", [SlotID(.childhood, "siblings_kin")]),
    ("没有兄弟姐妹", [SlotID(.childhood, "siblings_kin")]), ("没兄弟姐妹", [SlotID(.childhood, "siblings_kin")]),
    ("没离开过家", [SlotID(.youngAdult, "leaving_home")]), ("没出过远门", [SlotID(.youngAdult, "leaving_home")]),
    ("没搬过家", [SlotID(.midlife, "moving")]), ("没退休", [SlotID(.laterLife, "retirement")]),
    ("没有师傅", [SlotID(.youngAdult, "mentor")]), ("没人教我", [SlotID(.youngAdult, "mentor")]),
  ])
  private static let schooling = [SlotID(.adolescence, "school"), SlotID(.adolescence, "teacher")]
  private static let marriage = Catalogue.slots(of: .loveMarriage).filter { $0.id.key != "loss" }.map(\.id)
  private static let children =
    Catalogue.slots(of: .parenthood).map(\.id) + [SlotID(.laterLife, "grandchildren")]

  static let slots = KeywordTable<SlotID>(Catalogue.slots.flatMap { slot in slot.keywords.map { ($0, slot.id) } })
}
