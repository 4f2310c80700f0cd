package import Logging

/// Every setting of the service. Names, defaults and meanings live here and nowhere else.
package enum Settings {
  package static let grpcAddress = Setting(
    "grpc.address", flag: "--grpc", "ADDRESS", default: "127.0.0.1:50051",
    "Where gRPC listens: HOST:PORT, [::1]:PORT or unix:PATH; port 0 picks a free one", parse: Endpoint.init(parsing:))
  package static let grpcEventLoops = Setting(
    "grpc.event_loops", "COUNT", default: "0", "Event loop threads; 0: one per core",
    parse: SettingValue.integer(0...256))
  package static let grpcConnectionIdle = Setting(
    "grpc.connection_idle", "DURATION", default: "30m", "A connection without a call for this time is closed",
    parse: SettingValue.duration(.seconds(1) ... .seconds(30 * 86_400)))
  package static let bridgeAddress = Setting(
    "bridge.address", flag: "--bridge", "ADDRESS", default: "127.0.0.1:8080",
    "Where the WebSocket bridge for the phones listens: HOST:PORT, unix:PATH or off", parse: Endpoint.init(parsing:))
  package static let bridgeConsole = Setting(
    "bridge.console", flag: "--console", "auto|on|off", default: "auto",
    "Serve the web console at / of the bridge; auto: when it listens on loopback only",
    parse: SettingValue.choice(ServiceConfiguration.ConsoleChoice.self))
  package static let bridgePiecePause = Setting(
    "bridge.piece_pause", "DURATION", default: "500ms", "Pause between the pieces of a reply",
    parse: SettingValue.duration(.zero ... .seconds(10)))
  package static let bridgeLegacySessionMax = Setting(
    "bridge.legacy_session_max", "DURATION", default: "24h",
    "How long a phone that cannot renew its token stays connected",
    parse: SettingValue.duration(.seconds(1) ... .seconds(30 * 86_400)))
  package static let bridgeOrigins = Setting(
    "bridge.origins", "ORIGIN,…", default: "",
    "Web pages that may connect, such as https://app.example; empty: all (apps send no origin)",
    parse: SettingValue.list)
  package static let bridgeConnectionsPerAddress = Setting(
    "bridge.connections_per_address", "COUNT", default: "2048",
    "Phones from one IP address (IPv6: /64); behind a load balancer 0: no limit",
    parse: SettingValue.integer(0...1_000_000))
  package static let adminAddress = Setting(
    "admin.address", flag: "--admin", "ADDRESS", default: "127.0.0.1:9090",
    "Where /metrics, /healthz and /readyz are served: HOST:PORT, unix:PATH or off", parse: Endpoint.init(parsing:))

  package static let tlsCertificate = Setting(
    "tls.cert", flag: "--tls-cert", "FILE", default: nil,
    "PEM certificate chain of the TCP listeners for gRPC and the bridge; unset: plaintext", parse: SettingValue.text)
  package static let tlsKey = Setting(
    "tls.key", flag: "--tls-key", "FILE", default: nil, "PEM private key of that certificate, without a passphrase",
    parse: SettingValue.text)

  package static let databaseURL = Setting(
    "database.url", flag: "--database-url", "URL", default: nil,
    "PostgreSQL 14 or newer (postgresql://user@host/name); unset: a private cluster in the data directory",
    parse: SettingValue.text)
  package static let databasePoolSize = Setting(
    "database.pool_size", "COUNT", default: "16", "Connections to PostgreSQL", parse: SettingValue.integer(1...256))
  package static let databaseStatementTimeout = Setting(
    "database.statement_timeout", "DURATION", default: "5s", "Longest a statement may run",
    parse: SettingValue.duration(.milliseconds(10) ... .seconds(600)))
  package static let databaseConnectTimeout = Setting(
    "database.connect_timeout", "DURATION", default: "5s", "Longest a connection may take to come up",
    parse: SettingValue.duration(.milliseconds(100) ... .seconds(600)))
  package static let dataDirectory = Setting(
    "data.directory", flag: "--data-dir", "DIRECTORY", default: "./.lifeecho",
    "Where the private cluster and the generated secret live", parse: SettingValue.text)
  package static let dataEphemeral = Setting(
    "data.ephemeral", flag: "--ephemeral", "true|false", default: "false",
    "Keep the private cluster in a temporary directory, without fsync: for tests", parse: SettingValue.boolean)

  package static let jwtSecretFile = Setting(
    "jwt.secret_file", flag: "--jwt-secret-file", "FILE", default: nil,
    "HS256 secret of 32 bytes or more; unset: generated in the data directory", parse: SettingValue.text)
  package static let jwtKeyFiles = Setting(
    "jwt.key_files", "FILE,…", default: "", "PEM files with RS256, ES256 or EdDSA keys that sign tokens",
    parse: SettingValue.list)
  package static let jwtJWKSFile = Setting(
    "jwt.jwks_file", "FILE", default: nil, "JSON Web Key Set with the keys that sign tokens", parse: SettingValue.text)
  package static let jwtIssuer = Setting(
    "jwt.issuer", "TEXT", default: nil, "Required iss of every token", parse: SettingValue.text)
  package static let jwtAudience = Setting(
    "jwt.audience", "TEXT", default: nil, "Required aud of every token", parse: SettingValue.text)
  package static let jwtLeeway = Setting(
    "jwt.leeway", "DURATION", default: "30s", "Clock difference tolerated in exp and nbf",
    parse: SettingValue.duration(.zero ... .seconds(3600)))
  package static let jwtCacheSize = Setting(
    "jwt.cache_size", "COUNT", default: "10000", "Verified tokens remembered until they expire",
    parse: SettingValue.integer(0...1_000_000))

  package static let chatEngine = Setting(
    "chat.engine", "builtin|openai", default: "builtin",
    "Who leads the interview: the built-in interviewer or an OpenAI-compatible server",
    parse: SettingValue.choice(ServiceConfiguration.ChatEngine.self))
  package static let chatURL = Setting(
    "chat.url", "URL", default: nil, "Base URL of the OpenAI-compatible server, such as http://127.0.0.1:8000/v1",
    parse: SettingValue.engineURL)
  package static let chatModel = Setting(
    "chat.model", "NAME", default: "default", "Model name sent to that server", parse: SettingValue.text)
  package static let chatAPIKeyFile = Setting(
    "chat.api_key_file", "FILE", default: nil, "File with that server's API key", parse: SettingValue.text)
  package static let chatTemperature = Setting(
    "chat.temperature", "NUMBER", default: "0.7", "Sampling temperature", parse: SettingValue.number(0...2))
  package static let chatMaxTokens = Setting(
    "chat.max_tokens", "COUNT", default: "800", "Longest reply, in tokens", parse: SettingValue.integer(1...100_000))
  package static let chatConnectTimeout = Setting(
    "chat.connect_timeout", "DURATION", default: "5s", "Longest a connection to the model may take",
    parse: SettingValue.duration(.milliseconds(10) ... .seconds(600)))
  package static let chatFirstTokenTimeout = Setting(
    "chat.first_token_timeout", "DURATION", default: "20s", "Longest until the first piece of a reply",
    parse: SettingValue.duration(.milliseconds(10) ... .seconds(600)))
  package static let chatIdleTimeout = Setting(
    "chat.idle_timeout", "DURATION", default: "15s", "Longest silence within a reply",
    parse: SettingValue.duration(.milliseconds(10) ... .seconds(600)))
  package static let chatTotalTimeout = Setting(
    "chat.total_timeout", "DURATION", default: "60s", "Longest a whole reply may take, retries included",
    parse: SettingValue.duration(.milliseconds(10) ... .seconds(3600)))
  package static let chatRetries = Setting(
    "chat.retries", "COUNT", default: "2", "Further tries when the model fails before its first piece",
    parse: SettingValue.integer(0...10))

  package static let chipsEnabled = Setting(
    "chips.enabled", "true|false", default: "true", "Suggest topics after replies", parse: SettingValue.boolean)
  package static let chipsMax = Setting(
    "chips.max", "COUNT", default: "4", "Most topics suggested at once", parse: SettingValue.integer(1...16))
  package static let regreetingEnabled = Setting(
    "regreeting.enabled", "true|false", default: "true", "Greet again after a long silence",
    parse: SettingValue.boolean)
  package static let regreetingIdle = Setting(
    "regreeting.idle", "DURATION", default: "6h", "How long that silence is",
    parse: SettingValue.duration(.seconds(1) ... .seconds(365 * 86_400)))

  package static let connectHeartbeat = Setting(
    "connect.heartbeat", "DURATION", default: "25s", "Time between heartbeats of a Connect stream",
    parse: SettingValue.duration(.milliseconds(100) ... .seconds(600)))
  package static let connectBufferEvents = Setting(
    "connect.buffer_events", "COUNT", default: "256", "Events that may wait for a slow subscriber",
    parse: SettingValue.integer(8...100_000))
  package static let connectBufferBytes = Setting(
    "connect.buffer_bytes", "BYTES", default: "1048576", "Bytes that may wait for a slow subscriber",
    parse: SettingValue.integer(65_536...(1 << 30)))
  package static let turnLease = Setting(
    "turn.lease", "DURATION", default: "15s", "After this silence of a server its turns are taken over",
    parse: SettingValue.duration(.milliseconds(200) ... .seconds(600)))

  package static let quotaFreeTurns = Setting(
    "quota.free.turns", "COUNT", default: "30", "Messages a day on the free tier",
    parse: SettingValue.integer(0...1_000_000))
  package static let quotaFreeSpeech = Setting(
    "quota.free.speech", "DURATION", default: "20m", "Speech a day on the free tier",
    parse: SettingValue.duration(.zero ... .seconds(86_400)))
  package static let quotaPremiumTurns = Setting(
    "quota.premium.turns", "COUNT", default: "500", "Messages a day on the premium tier",
    parse: SettingValue.integer(0...1_000_000))
  package static let quotaPremiumSpeech = Setting(
    "quota.premium.speech", "DURATION", default: "4h", "Speech a day on the premium tier",
    parse: SettingValue.duration(.zero ... .seconds(86_400)))

  package static let logLevel = Setting(
    "log.level", "LEVEL", default: "info", "trace, debug, info, notice, warning, error or critical",
    parse: SettingValue.choice(Logger.Level.self))
  package static let logFormat = Setting(
    "log.format", "auto|json|text", default: "auto", "JSON lines, or plain text; auto: text on a terminal",
    parse: SettingValue.choice(LogFormat.self))
  package static let shutdownGrace = Setting(
    "shutdown.grace", "DURATION", default: "20s", "Longest a stop waits for running calls and turns",
    parse: SettingValue.duration(.zero ... .seconds(3600)))

  /// In the order of the manual.
  package static let all: [SettingDescription] =
    [
      grpcAddress.description, grpcEventLoops.description, grpcConnectionIdle.description,
      bridgeAddress.description,
      bridgeConsole.description, bridgePiecePause.description, bridgeLegacySessionMax.description,
      bridgeOrigins.description, bridgeConnectionsPerAddress.description, adminAddress.description,
      tlsCertificate.description, tlsKey.description,
      databaseURL.description, databasePoolSize.description, databaseStatementTimeout.description,
      databaseConnectTimeout.description, dataDirectory.description, dataEphemeral.description,
      jwtSecretFile.description, jwtKeyFiles.description, jwtJWKSFile.description, jwtIssuer.description,
      jwtAudience.description, jwtLeeway.description, jwtCacheSize.description,
      chatEngine.description, chatURL.description, chatModel.description, chatAPIKeyFile.description,
      chatTemperature.description, chatMaxTokens.description, chatConnectTimeout.description,
      chatFirstTokenTimeout.description, chatIdleTimeout.description, chatTotalTimeout.description,
      chatRetries.description,
      chipsEnabled.description, chipsMax.description, regreetingEnabled.description, regreetingIdle.description,
      connectHeartbeat.description, connectBufferEvents.description, connectBufferBytes.description,
      turnLease.description,
      feedbackDelay.description, feedbackText.description, voiceWorkers.description,
      voiceRecognitionTimeout.description, voiceBackoff.description, voiceAbandonment.description,
      voiceGapPatience.description, voiceAudioRetention.description, voiceFailedAudioRetention.description,
    ] + speech + [
      quotaFreeTurns.description, quotaFreeSpeech.description, quotaPremiumTurns.description,
      quotaPremiumSpeech.description,
      logLevel.description, logFormat.description, shutdownGrace.description,
    ]
}
