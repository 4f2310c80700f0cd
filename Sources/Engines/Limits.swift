/// Every bound of this module: number, reason, source.
enum Limits {
  /// Text of one reply. Ten thousand characters of Chinese; a spoken reply has some hundred.
  static let replyBytes = 64 * 1024
  /// One line of an event stream, and the data of one event. llama.cpp's longest (a token with timings) is under 2 KiB.
  static let eventBytes = 256 * 1024
  /// A whole response. A token costs 200–400 bytes of JSON, so this allows for the longest reply many times over.
  static let responseBytes = 8 * 1024 * 1024
  /// What is read of an error's body.
  static let errorBodyBytes = 64 * 1024
  /// `type` and `code` of an error, as they go into a message.
  static let errorNameCharacters = 64
  /// Why a connection failed, as it is logged. BoringSSL's words for one fault have some 120 characters.
  static let reasonCharacters = 400
  /// A server that asks for more patience than this is treated as failed: the person is waiting.
  static let retryAfter: Duration = .seconds(30)
  /// First pause before another try; doubled each time, and shortened at random so that servers do not retry in step.
  static let backoff: Duration = .milliseconds(250)
  static let backoff_max: Duration = .seconds(5)
  /// How long the rest of a finished response is awaited, so that its connection can be used again.
  static let drain: Duration = .milliseconds(500)
  /// Connections to one server. Each streaming reply holds one; async-http-client's default of 8 would queue the ninth.
  static let connections = 256

  /// A transcription. An hour of fast speech is about 60 KiB of text.
  static let transcriptionBytes = 256 * 1024
  /// The speech for one sentence. The longest pieces take a minute; as WAV at 24 kHz that is under 3 MiB.
  static let speechBytes = 8 * 1024 * 1024
  /// Shorter recordings hold no syllable; OpenAI refuses them (`audio_too_short`).
  static let speech_ms_min: Int64 = 100
  /// Fast Mandarin has about 8 syllables a second; whoever has more over a whole recording made them up.
  static let syllablesPerSecond = 12
  /// On top of that, since a container's duration is not exact.
  static let syllablesSlack = 8
  /// A single syllable said this often in a row was not said. Laughter and nodding stay below.
  static let loopOfOne = 10
  /// The same for something longer, of at least so many letters in all: people say 好的好的好的好的好的.
  static let loopOfMany = 5
  static let loopLetters = 24
  /// A prompt of fewer letters is not looked for in what the engine answers.
  static let promptLetters_min = 6
  /// Longest part of a loop that is looked for, in letters.
  static let loopUnit = 30
  /// How often the part stays.
  static let loopKept = 2

  /// One conversion; six seconds of speech take 0.15 s, so an hour takes some 90 s of a whole core.
  static let conversion: Duration = .seconds(120)
  /// At once, in the whole process; each is a process with a core's work.
  static let conversions = 4
  /// Most of a recording that is converted; a voice session holds an hour.
  static let recording: Duration = .seconds(2 * 3600)
  /// OpenAI takes 25 MiB (help.openai.com, article 7031512). At 4 kB a second that is more than an hour and a half.
  static let convertedBytes = 25 * 1024 * 1024
  /// Address space of a conversion: ffmpeg's libraries map some 300 MiB.
  static let conversionMemoryBytes = 2 * 1024 * 1024 * 1024
  /// Less than this, or a tenth, may be missing of what a container declares: codecs pad and trim.
  static let durationTolerance_ms: Int64 = 1000
  /// What is read of ffmpeg's messages.
  static let messageBytes = 512
  /// Boxes of one level of an MP4 file that are looked at; real files have under ten.
  static let boxes = 1024
  /// Zeros between an ID3 tag and the first frame.
  static let paddingBytes = 64 * 1024
  /// How far into a recording the marker of test audio is looked for: behind a container's header, not through megabytes.
  static let markerBytes = 64 * 1024
  /// Longest wait that test audio can ask for.
  static let slowness_ms = 600_000
  /// Recordings whose attempts the built-in recogniser counts before it begins anew.
  static let rememberedAttempts = 4096
}
