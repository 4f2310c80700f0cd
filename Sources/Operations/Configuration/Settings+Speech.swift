/// The engines of speech. None stands in for another: what is not named here is missing, and events say so.
extension Settings {
  package static let speechRecognizer = Setting(
    "speech.recognizer", "none|builtin|openai", default: "none",
    "What turns speech into text: nothing (audio is kept), the built-in test engine, or an OpenAI-compatible server",
    parse: SettingValue.choice(ServiceConfiguration.SpeechEngine.self))
  package static let speechRecognizerURL = Setting(
    "speech.recognizer_url", "URL", default: nil, "Base URL of that server, such as http://127.0.0.1:8178/v1",
    parse: SettingValue.engineURL)
  package static let speechRecognizerModel = Setting(
    "speech.recognizer_model", "NAME", default: "whisper-1", "Model name sent to that server", parse: SettingValue.text)
  package static let speechRecognizerAPIKeyFile = Setting(
    "speech.recognizer_api_key_file", "FILE", default: nil, "File with that server's API key", parse: SettingValue.text)
  package static let speechRecognizerLanguage = Setting(
    "speech.recognizer_language", "CODE", default: "zh", "Language that is spoken (ISO 639-1), or auto",
    parse: SettingValue.text)
  package static let speechRecognizerPrompt = Setting(
    "speech.recognizer_prompt", "TEXT", default: "以下是普通话的句子。",
    "What the recogniser goes on from; without it Whisper writes traditional characters; none: no prompt",
    parse: SettingValue.text)
  package static let speechRecognizerContainers = Setting(
    "speech.recognizer_containers", "NAME,…", default: "m4a,mp3,ogg,webm,wav",
    "What that server takes, of m4a, aac, mp3, ogg, webm, wav and 3gp; the rest is converted by ffmpeg",
    parse: SettingValue.choices(ServiceConfiguration.SpeechContainer.self))
  package static let speechRecognizerConnectTimeout = Setting(
    "speech.recognizer_connect_timeout", "DURATION", default: "5s", "Longest a connection to the recogniser may take",
    parse: SettingValue.duration(.milliseconds(10) ... .seconds(600)))
  package static let speechRecognizerTimeout = Setting(
    "speech.recognizer_timeout", "DURATION", default: "60s",
    "Longest a recognition may take, on top of the recording's own length",
    parse: SettingValue.duration(.milliseconds(10) ... .seconds(3600)))
  package static let speechFFmpeg = Setting(
    "speech.ffmpeg", "PROGRAM", default: "ffmpeg", "The ffmpeg that converts recordings: a path, or a name in PATH",
    parse: SettingValue.text)

  package static let speechSynthesizer = Setting(
    "speech.synthesizer", "none|builtin|openai", default: "none",
    "What reads replies aloud: nothing, the built-in test engine, or an OpenAI-compatible server",
    parse: SettingValue.choice(ServiceConfiguration.SpeechEngine.self))
  package static let speechSynthesizerURL = Setting(
    "speech.synthesizer_url", "URL", default: nil, "Base URL of that server, such as http://127.0.0.1:8178/v1",
    parse: SettingValue.engineURL)
  package static let speechSynthesizerModel = Setting(
    "speech.synthesizer_model", "NAME", default: "tts-1", "Model name sent to that server", parse: SettingValue.text)
  package static let speechSynthesizerAPIKeyFile = Setting(
    "speech.synthesizer_api_key_file", "FILE", default: nil, "File with that server's API key",
    parse: SettingValue.text)
  package static let speechSynthesizerVoice = Setting(
    "speech.synthesizer_voice", "NAME", default: "alloy", "Voice for subscribers that ask for none",
    parse: SettingValue.text)
  package static let speechSynthesizerSpeed = Setting(
    "speech.synthesizer_speed", "NUMBER", default: "1.0", "Speed of the speech; 1: the voice's own",
    parse: SettingValue.number(0.25...4))
  package static let speechSynthesizerConnectTimeout = Setting(
    "speech.synthesizer_connect_timeout", "DURATION", default: "5s", "Longest a connection to the synthesiser may take",
    parse: SettingValue.duration(.milliseconds(10) ... .seconds(600)))
  package static let speechSynthesizerFirstByteTimeout = Setting(
    "speech.synthesizer_first_byte_timeout", "DURATION", default: "10s", "Longest until the first byte of a sentence",
    parse: SettingValue.duration(.milliseconds(10) ... .seconds(600)))
  package static let speechSynthesizerIdleTimeout = Setting(
    "speech.synthesizer_idle_timeout", "DURATION", default: "10s", "Longest silence of the server within a sentence",
    parse: SettingValue.duration(.milliseconds(10) ... .seconds(600)))
  package static let speechSynthesizerTotalTimeout = Setting(
    "speech.synthesizer_total_timeout", "DURATION", default: "60s", "Longest a whole sentence may take",
    parse: SettingValue.duration(.milliseconds(10) ... .seconds(3600)))

  /// In the order of the manual.
  static let speech: [SettingDescription] = [
    speechRecognizer.description, speechRecognizerURL.description, speechRecognizerModel.description,
    speechRecognizerAPIKeyFile.description, speechRecognizerLanguage.description, speechRecognizerPrompt.description,
    speechRecognizerContainers.description, speechRecognizerConnectTimeout.description,
    speechRecognizerTimeout.description, speechFFmpeg.description,
    speechSynthesizer.description, speechSynthesizerURL.description, speechSynthesizerModel.description,
    speechSynthesizerAPIKeyFile.description, speechSynthesizerVoice.description, speechSynthesizerSpeed.description,
    speechSynthesizerConnectTimeout.description, speechSynthesizerFirstByteTimeout.description,
    speechSynthesizerIdleTimeout.description, speechSynthesizerTotalTimeout.description,
  ]
}
