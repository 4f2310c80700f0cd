import NIOCore

/// Every bound of the bridge: the number, why, and where it comes from.
enum Limits {
  /// Highest segment index (AudioSegment.index).
  static let segmentIndex = 4095
  /// Longest duration a phone may claim for a segment, seconds; more is taken as this much.
  static let duration_s = 86_400
  /// `client_msg_id` and `chip_id`, characters.
  static let clientMessageID_characters = 128
  /// `turn_id`, as the service bounds it.
  static let turnID_characters = 256
  /// `device`, as the service bounds it.
  static let deviceID_characters = 128

  /// How often the log says that there is no service token the service knows: each phone finds that out.
  static let tokenProblemPause = TimeAmount.seconds(10)

  /// Commands of one socket that wait for their turn; then the socket is not read until one is done. They are words of a
  /// person: a queue this long was typed by a program.
  static let waitingCommands = 256
  /// Bytes of audio that wait in one socket for the service; then the socket is not read. One of the longest messages
  /// must fit beside one that is on its way.
  static let waitingAudio_bytes = 24 << 20
  /// Bytes that wait for a slow phone; then no more events are taken from the service. At 1 MiB, which answers to the
  /// phone's own frames can make of it, the socket is closed.
  static let output_bytes = 256 << 10
  /// How long a phone may take nothing of that.
  static let stuck_s: Int64 = 10
  /// Frames that wait for the pauses between pieces; then no more events are taken from the service.
  static let pacedFrames = 256
  /// Recordings that one socket may have open at a time; the one that was silent longest is let go, and goes on when its
  /// next segment comes.
  static let voiceSessions = 4

  /// Pause between two questions how far a phone has come: its pongs stay far below what WebSocket takes from a peer.
  static let confirmation_ms: Int64 = 100
  /// How long the answer to one is waited for before another question may be asked.
  static let confirmation_s: Int64 = 20

  /// How long the service may take for `WhoAmI` before an upgrade is refused.
  static let handshake_s: Int64 = 5
  /// How long the service may be away before its phones are sent away.
  static let outage = TimeAmount.seconds(10)
  /// Deadline of a command (SendText, EndConversation, CancelSpeech, …) at the service.
  static let command_s: Int64 = 15
  /// Deadline of a transcription: the engine's minute and the way.
  static let transcription_s: Int64 = 120
  /// How long `end_conversation` waits for replies to what was said before it.
  static let endWait_s: Int64 = 30
  /// How long the frames of one command may hold up those of the next: longer than any turn lives at the service.
  static let replyWait_s: Int64 = 300
  /// How long a closed socket's last words may take to the service.
  static let lastWords_s: Int64 = 30
  /// What was never confirmed comes again: at most this many messages, this old.
  static let redeliveredMessages = 2
  static let redeliveredAge_s: Int64 = 86_400
  /// How long a recording or a reply may go on after the token expired.
  static let expiryGrace_s: Int64 = 600
  /// Seconds in `retry in N s`, random, so that the phones do not all come back at once.
  static let retryAfter_s = 1...10
  /// Longest conversation id that is passed on, UTF-8 bytes; the service takes 256 characters.
  static let conversationID_bytes = 1024
}
