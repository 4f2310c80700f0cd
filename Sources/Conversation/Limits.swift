/// Every bound of this module: number, reason, source.
package enum Limits {
  /// Characters of a conversation id; the bridge takes ids from URLs (LEGACY protocol §1), so any text, but a short one.
  package static let conversationIDCharacters = 256
  /// Bytes of a user id: what a token's `sub` may have.
  package static let userIDBytes = 256
  /// Characters of a device id.
  package static let deviceIDCharacters = 128
  package static let nicknameCharacters = 64
  package static let profileFieldCharacters = 128
  package static let birthYears = 1850...2100

  /// Messages a reply is based on (design §7, SendText).
  package static let contextMessages = 40
  /// Events fetched with one read of a replay; a page of usual messages is about 30 KiB.
  package static let replayPage = 64
  package static let conversationsPageDefault = 20
  package static let conversationsPageMaximum = 100
  package static let messagesPageDefault = 50
  package static let messagesPageMaximum = 200

  /// Live Connect streams of one server; memory: 24 KiB each (design §10).
  package static let subscribers = 200_000
  /// Connect streams of one user on one server, and as many StreamAudio calls: a family has a few devices, and a service
  /// that shows a user's conversations side by side some dozens.
  package static let userStreams = 256
  /// How long a gap in the live events may stay before the log is read: another command's answer is under way.
  package static let gapPatience_ms = 20

  /// Turns that this server has leased and not finished: more are refused as overload before anything is stored.
  package static let openTurns = 10_000
  /// Turns that ask the chat model at the same time.
  package static let concurrentModelCalls = 64
  /// Greetings of one user in a local day: each asks the chat model, for whoever opens a conversation. More conversations
  /// than people open in a month; the quota is for what they say, and greetings do not count in it (design §8).
  package static let greetings: Int64 = 100
  /// Runs of one turn, counting those of servers that died in it; then it fails.
  package static let turnAttempts = 5
  /// New plans for one reply because another server changed the interview state meanwhile; on this one, a user's
  /// replies are committed one after the other.
  package static let statePlans = 20
  /// Bytes of a chat model's reply; three spoken pieces are below 1 KiB.
  package static let replyBytes = 16 << 10
  /// Tries to store the end of a turn; they span about as long as a lease.
  package static let storeAttempts = 8
  /// Turns taken over by one claim.
  package static let claimBatch = 32
  /// Users whose erasure one round of the maintenance goes on with.
  package static let erasuresAtOnce = 100
  /// A clock that is changed by so much is told of: no network takes that long.
  package static let clockJump_us: Int64 = 1_000_000
  /// So long before the end of a stop's grace, whoever still waits for a reply is told that it is under way.
  package static let graceMargin_ms: Int64 = 500
  /// Conversations asked about in one look for new heads.
  package static let headsBatch = 500

  // Speech out (design §7).

  /// About how long a sentence is when it is read aloud: shorter ones are joined with a neighbour, so that the voice
  /// does not stumble; longer ones are cut, so that the first sound comes early.
  package static let sentenceMinimum_ms: Int64 = 800
  package static let sentenceMaximum_ms: Int64 = 15_000
  /// The same for texts of which the speaking rate knows nothing.
  package static let sentenceCharacters = 300
  /// The longest word that is looked up as an abbreviation.
  package static let abbreviationCharacters = 12
  /// Audio of one sentence: more than a minute of 24 kHz WAV.
  package static let sentence_bytes = 4 << 20
  /// Sentences kept for whoever asks again: some hundreds as MP3.
  package static let speechCache_bytes = 32 << 20
  /// What a kept sentence costs beside its audio.
  package static let cachedSentenceOverhead_bytes = 512
  /// Sentences that are made at the same time.
  package static let concurrentSyntheses = 16
  /// One sentence, whatever the engine's own timeouts are.
  package static let synthesis_ms: Int64 = 60_000
  /// The audio of one SpeechChunk: what a slow stream may have to finish before a durable event.
  package static let chunk_bytes = 32 << 10
  /// Less is not sent, but at a sentence's beginning and end: an engine may give a few bytes at a time.
  package static let chunkMinimum_bytes = 4 << 10
  /// Chunks made for one stream and not yet taken: a few seconds of speech.
  package static let readyChunks_bytes = 128 << 10
  /// Sentences of one stream that wait to be read aloud; pieces beyond them are not.
  package static let waitingSentences = 256
  /// Replies that a cancel may name: the one that is read, and the one before it.
  package static let rememberedReplies = 2
  /// A sentence or clause counts as heard when no more of it is missing: engines end with silence.
  package static let heardTolerance_ms: Int64 = 300
  /// The longest position in a spoken reply.
  package static let heardMaximum_ms: Int64 = 3_600_000
  /// How long a CancelSpeech waits for the chunk that is being written: a client that reads has it at once.
  package static let speechSettling_ms: Int64 = 200
  /// A reply in a replay is read aloud when it is no older: the signal was lost, the person still listens.
  package static let replayedSpeech_s = 300
  /// Characters of a voice's name.
  package static let voiceCharacters = 64
  /// After the start of a server, until it removes for the first time what is old: also one that never runs for a whole
  /// interval does it.
  package static let firstPrune_ms: Int64 = 60_000
}
