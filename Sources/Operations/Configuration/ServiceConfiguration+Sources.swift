extension ServiceConfiguration {
  /// - Throws: `ConfigurationError`, one line that names the flag, variable or key.
  package init(_ sources: ConfigurationSources) throws(ConfigurationError) {
    grpc = GRPC(
      address: try sources.value(Settings.grpcAddress), eventLoopCount: try sources.value(Settings.grpcEventLoops),
      connectionIdle: try sources.value(Settings.grpcConnectionIdle))
    bridge = Bridge(
      address: try sources.value(Settings.bridgeAddress),
      console: try sources.value(Settings.bridgeConsole),
      piecePause: try sources.value(Settings.bridgePiecePause),
      legacySession_max: try sources.value(Settings.bridgeLegacySessionMax),
      origins: try sources.value(Settings.bridgeOrigins),
      connectionsPerAddress: try sources.value(Settings.bridgeConnectionsPerAddress))
    admin = try sources.value(Settings.adminAddress)
    tls = try Self.tls(sources)
    database = Database(
      url: try sources.optionalValue(Settings.databaseURL),
      poolSize: try sources.value(Settings.databasePoolSize),
      statementTimeout: try sources.value(Settings.databaseStatementTimeout),
      connectTimeout: try sources.value(Settings.databaseConnectTimeout))
    data = DataDirectory(
      path: try sources.value(Settings.dataDirectory), isEphemeral: try sources.value(Settings.dataEphemeral))
    jwt = JWT(
      secretFile: try sources.optionalValue(Settings.jwtSecretFile),
      keyFiles: try sources.value(Settings.jwtKeyFiles),
      jwksFile: try sources.optionalValue(Settings.jwtJWKSFile),
      issuer: try sources.optionalValue(Settings.jwtIssuer),
      audience: try sources.optionalValue(Settings.jwtAudience),
      leeway: try sources.value(Settings.jwtLeeway),
      cacheSize: try sources.value(Settings.jwtCacheSize))
    chat = try Self.chat(sources)
    chips = Chips(
      isEnabled: try sources.value(Settings.chipsEnabled), count_max: try sources.value(Settings.chipsMax))
    regreeting = Regreeting(
      isEnabled: try sources.value(Settings.regreetingEnabled), idle: try sources.value(Settings.regreetingIdle))
    connect = Connect(
      heartbeat: try sources.value(Settings.connectHeartbeat),
      bufferEvents: try sources.value(Settings.connectBufferEvents),
      buffer_bytes: try sources.value(Settings.connectBufferBytes))
    quota = Quota(
      free: QuotaTier(
        turns: try sources.value(Settings.quotaFreeTurns), speech: try sources.value(Settings.quotaFreeSpeech)),
      premium: QuotaTier(
        turns: try sources.value(Settings.quotaPremiumTurns), speech: try sources.value(Settings.quotaPremiumSpeech)))
    turnLease = try sources.value(Settings.turnLease)
    voice = try Voice(sources)
    speech = try Speech(sources)
    log = Log(level: try sources.value(Settings.logLevel), format: try sources.value(Settings.logFormat))
    shutdownGrace = try sources.value(Settings.shutdownGrace)
    try check()
  }

  private static func tls(_ sources: ConfigurationSources) throws(ConfigurationError) -> TLS? {
    let certificate = try sources.optionalValue(Settings.tlsCertificate)
    let key = try sources.optionalValue(Settings.tlsKey)
    switch (certificate, key) {
    case (let certificate?, let key?): return TLS(certificateFile: certificate, keyFile: key)
    case (nil, nil): return nil
    case (_?, nil): throw ConfigurationError("tls.cert is set but tls.key is not; TLS needs both")
    case (nil, _?): throw ConfigurationError("tls.key is set but tls.cert is not; TLS needs both")
    }
  }

  private static func chat(_ sources: ConfigurationSources) throws(ConfigurationError) -> Chat {
    let openai = OpenAIChat(
      url: try sources.optionalValue(Settings.chatURL) ?? "",
      model: try sources.value(Settings.chatModel),
      apiKeyFile: try sources.optionalValue(Settings.chatAPIKeyFile),
      temperature: try sources.value(Settings.chatTemperature),
      maxTokens: try sources.value(Settings.chatMaxTokens),
      connectTimeout: try sources.value(Settings.chatConnectTimeout),
      firstTokenTimeout: try sources.value(Settings.chatFirstTokenTimeout),
      idleTimeout: try sources.value(Settings.chatIdleTimeout),
      totalTimeout: try sources.value(Settings.chatTotalTimeout),
      retries: try sources.value(Settings.chatRetries))
    switch try sources.value(Settings.chatEngine) {
    case .builtin:
      guard openai.url.isEmpty else {
        throw ConfigurationError("chat.url is set but chat.engine is builtin; set chat.engine to openai to use it")
      }
      return .builtin
    case .openai:
      guard !openai.url.isEmpty else {
        throw ConfigurationError("chat.engine is openai but chat.url is not set (http://127.0.0.1:8000/v1)")
      }
      return .openai(openai)
    }
  }

  /// What no single setting can know.
  private func check() throws(ConfigurationError) {
    guard grpc.address != .off else {
      throw ConfigurationError("grpc.address: gRPC cannot be off, it is what this service is")
    }
    guard database.url == nil || !data.isEphemeral else {
      throw ConfigurationError(
        "data.ephemeral and database.url exclude each other: only a private cluster is ephemeral")
    }
  }
}
