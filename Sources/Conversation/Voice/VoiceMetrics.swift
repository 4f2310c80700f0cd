import Metrics

/// Metrics of speech; their labels are listed in README.md.
struct VoiceMetrics: Sendable {
  let segments = Counter(label: "lifeecho.audio.segments")
  let duplicates = Counter(label: "lifeecho.audio.duplicates")
  let refused = Counter(label: "lifeecho.audio.refused")
  /// From the first byte's decoding to the commit.
  let storeTime = Timer(label: "lifeecho.audio.durable.duration")
  /// From the commit to the beginning of the recognition.
  let waitTime = Timer(label: "lifeecho.recognition.wait.duration")
  let recognitionTime = Timer(label: "lifeecho.recognition.duration")
  let recognised = Counter(label: "lifeecho.recognition.segments")
  let failures = Counter(label: "lifeecho.recognition.failures")
  let givenUp = Counter(label: "lifeecho.recognition.given_up")
  let completed = Counter(label: "lifeecho.voice_sessions.completed")
  let failed = Counter(label: "lifeecho.voice_sessions.failed")
}
