/// The `type` literals. The seed shows them as constant names only: this table is the one place to correct them.
enum ClientFrameType: String, CaseIterable {
  case text
  case recordingStarted = "recording_started"
  case audioSegment = "audio_segment"
  case audioMessage = "audio_message"
  case transcribeOnly = "transcribe_only"
  case ttsCancel = "tts_cancel"
  case endConversation = "end_conversation"
  case ping
  /// Protocol 2 only.
  case retry
}

enum ServerFrameType: String {
  case connect, error, transcript, pong
  case agentResponse = "agent_response"
  case topicSuggestions = "topic_suggestions"
  case listeningFeedback = "listening_feedback"
  case endConversation = "end_conversation"
  // Protocol 2 only.
  case ack, message, turn, quota
  case audioAck = "audio_ack"
  case replayCompleted = "replay_completed"
  case ttsAudio = "tts_audio"
  case ttsCancelled = "tts_cancelled"
  case goAway = "go_away"
}

/// What phones show, exactly as they have always got it; the comma is the ASCII one.
enum Text {
  static let failed = "处理失败,请重试"
  static let voiceSessionMissing = "缺少 voice_session_id"
  static let segmentSessionMissing = "缺少 voice_session_id 或有效的 client_segment_id"
  static let audioMissing = "缺少 audio_base64"
  static let indexMissing = "缺少 segment_index"
  static let indexNotInteger = "segment_index 必须为整数"
  static let indexNegative = "segment_index 不能为负数"
  static let audioFailed = "语音处理失败,请重试或使用文字输入"
  static let notRecognised = "语音转写失败,请重试或使用文字输入"
  static let transcriptionFailed = "语音转写失败,请重试"
  static let forbidden = "无权访问此对话"
  static let deleted = "对话已删除"
  static let userUnknown = "用户不存在"
  static let quotaExceeded = "今天的对话次数已用完,明天再聊吧"
}

/// `code` in errors of protocol 2; the first protocol has the first one only.
enum ErrorCode {
  static let quotaExceeded = "QUOTA_EXCEEDED"
  static let frameInvalid = "FRAME_INVALID"
  static let turnFailed = "TURN_FAILED"
  static let transcriptionFailed = "TRANSCRIPTION_FAILED"
  static let unavailable = "UNAVAILABLE"
  static let `internal` = "INTERNAL"
}
