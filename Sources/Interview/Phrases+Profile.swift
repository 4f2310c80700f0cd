extension Phrases {
  /// The ways of asking for a field of the profile; later ones are gentler.
  static func profileQuestions(_ field: ProfileField) -> [String] {
    switch field {
    case .nickname:
      ["我怎么称呼您好呢？", "平时大伙儿都怎么叫您？", "您愿意让我怎么叫您？"]
    case .birthYear:
      [
        "您是哪一年生的呀？",
        "想先问问，您是哪年生人，属什么的？",
        "不用说得太准，您今年大概多大岁数？",
        "说个属相也行，您是属什么的？",
      ]
    case .birthPlace:
      [
        "您老家是哪儿的，是在什么地方出生的？",
        "您是在哪里出生的？",
        "说个省份或者县城就行，您的出生地是哪儿？",
        "您是哪里人呀？",
      ]
    case .grewUpPlace:
      [
        "那您小时候是在哪儿长大的？",
        "后来呢，您是在老家长大的，还是去了别处？",
        "您童年大多是在什么地方过的？",
        "您从小在哪儿住得最久？",
      ]
    case .occupation:
      [
        "您这一辈子，主要是做什么工作的？",
        "您以前是干哪一行的？",
        "年轻力壮那些年，您靠什么养家？",
        "您做得最久的是哪样活计？",
      ]
    }
  }

  static let profileRefused = [
    "好，不方便说就不说，不要紧的。",
    "行，这个咱们先放一放。",
    "没关系，您想说的时候再说。",
    "好的，这个不说也不碍事。",
    "明白，咱们不勉强。",
    "行，听您的，这个不问了。",
  ]
  static let profileUnclear = [
    "嗯，您说的我记着。",
    "好，这个回头您慢慢跟我讲。",
    "听着就有故事，一会儿咱们细说。",
    "嗯，我听着呢。",
    "好，这话我先存着。",
    "您别急，慢慢说。",
  ]
  static let profileYear = [
    "{y}年，属{z}的，我记下了。",
    "哦，{y}年生的，属{z}，记好了。",
    "{y}年，属{z}，好，我写上了。",
  ]
  static let profilePlace = [
    "{v}，好，我记下了。",
    "哦，{v}，那是个有故事的地方。",
    "{v}，我写在头一页上。",
  ]
  static let profileSamePlace = ["从小就在那儿，根扎得深啊。", "好，生在那儿、长在那儿，我记下了。", "一直没离开，那地方您最熟。"]
  static let profileGrewUp = ["在{v}长大的，我记下了。", "哦，在{v}长大，好。", "{v}，那儿的一草一木您一定都熟。"]
  static let profileComplete = [
    "好，这就算认识啦，咱们从头慢慢聊。",
    "好了，底子有了，咱们从小时候说起。",
    "行，您的情况我心里有数了，咱们开讲。",
    "谢谢您，这下我认识您了，咱们慢慢说。",
  ]
  static let profileAcceptYear = ["好，{y}年，我记下了。", "嗯，那就是{y}年，记好了。", "对上了，{y}年。"]
  static let profileWrongYear = ["那是我算错了，您别见怪。", "哎哟，我算得不准。", "好，那不作数，咱们重来。"]
  static let confirmYear = [
    "这么算下来，您是{y}年生的，属{z}，对吗？",
    "那您应该是{y}年生人，属{z}，我算得对不对？",
    "我掰着指头算算，是{y}年，属{z}的，是吧？",
  ]
  static let askAge = ["那您今年多大岁数了？", "您今年高寿？", "说个岁数我好算，您今年多大了？"]
  static let zodiacHeard = ["属{z}的，好属相。", "哦，属{z}，我记下了。", "属{z}，好。"]

  static func profileOccupation(_ voice: BackgroundVoice) -> [String] {
    switch voice {
    case .teacher: ["{v}，教书育人，桃李满天下啊。", "{v}，那您的学生一定不少。"]
    case .farmer: ["{v}，一粒米一滴汗，都是实在日子。", "{v}，天底下的饭碗都靠你们。"]
    case .worker: ["{v}，凭手艺吃饭，最踏实。", "{v}，那些年的工厂，一定热火朝天。"]
    case .soldier: ["{v}，保家卫国的人，我敬您。", "{v}，那您一定有一肚子战友的故事。"]
    case .medical: ["{v}，救人的行当，积德的事。", "{v}，那您一定熬过不少夜。"]
    case .cadre: ["{v}，操心的活儿，不容易。", "{v}，大事小事都得管，不简单。"]
    case .trade: ["{v}，起早贪黑的，不容易。", "{v}，见的人多，故事也多。"]
    case .homemaker: ["操持一大家子，这才是最累的活儿。", "把一家老小照顾好，功劳大着呢。"]
    case .neutral: ["{v}，好，我记下了。", "{v}，这里头一定有不少故事。"]
    }
  }
}
