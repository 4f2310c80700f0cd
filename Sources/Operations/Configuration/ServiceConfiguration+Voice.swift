extension ServiceConfiguration {
  package struct Voice: Sendable, Equatable {
    package var feedbackDelay: Duration
    package var feedbackText: String
    package var workers: Int
    package var recognitionTimeout: Duration
    package var backoff: Duration
    package var abandonment: Duration
    package var gapPatience: Duration
    package var audioRetention: Duration
    package var failedAudioRetention: Duration

    init(_ sources: ConfigurationSources) throws(ConfigurationError) {
      feedbackDelay = try sources.value(Settings.feedbackDelay)
      feedbackText = try sources.value(Settings.feedbackText)
      workers = try sources.value(Settings.voiceWorkers)
      recognitionTimeout = try sources.value(Settings.voiceRecognitionTimeout)
      backoff = try sources.value(Settings.voiceBackoff)
      abandonment = try sources.value(Settings.voiceAbandonment)
      gapPatience = try sources.value(Settings.voiceGapPatience)
      audioRetention = try sources.value(Settings.voiceAudioRetention)
      failedAudioRetention = try sources.value(Settings.voiceFailedAudioRetention)
    }
  }
}
