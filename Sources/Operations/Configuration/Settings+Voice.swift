extension Settings {
  package static let feedbackDelay = Setting(
    "listening_feedback.delay", "DURATION", default: "8s", "After this long of a recording, say that somebody listens",
    parse: SettingValue.duration(.milliseconds(100) ... .seconds(600)))
  package static let feedbackText = Setting(
    "listening_feedback.text", "TEXT", default: "嗯,我在听,您慢慢说", "What is said then", parse: SettingValue.text)
  package static let voiceWorkers = Setting(
    "voice.workers", "COUNT", default: "4", "Segments of speech recognised at the same time",
    parse: SettingValue.integer(1...256))
  package static let voiceRecognitionTimeout = Setting(
    "voice.recognition_timeout", "DURATION", default: "5m",
    "Longest one recognition may take, beside the length of the recording",
    parse: SettingValue.duration(.milliseconds(10) ... .seconds(3600)))
  package static let voiceBackoff = Setting(
    "voice.backoff", "DURATION", default: "1s", "Before a failed recognition is tried again; then twice that",
    parse: SettingValue.duration(.milliseconds(1) ... .seconds(600)))
  package static let voiceAbandonment = Setting(
    "voice.abandonment", "DURATION", default: "10m", "A recording without its end is given up after this silence",
    parse: SettingValue.duration(.milliseconds(100) ... .seconds(86_400)))
  package static let voiceGapPatience = Setting(
    "voice.gap_patience", "DURATION", default: "5m", "How long missing segments of an ended recording are waited for",
    parse: SettingValue.duration(.milliseconds(100) ... .seconds(86_400)))
  package static let voiceAudioRetention = Setting(
    "voice.audio_retention", "DURATION", default: "30d", "How long audio is kept after its recognition",
    parse: SettingValue.duration(.zero ... .seconds(3650 * 86_400)))
  package static let voiceFailedAudioRetention = Setting(
    "voice.failed_audio_retention", "DURATION", default: "90d", "The same when the recognition failed",
    parse: SettingValue.duration(.zero ... .seconds(3650 * 86_400)))
}
