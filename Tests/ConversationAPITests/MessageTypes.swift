import ConversationAPI
import Protobuf
import RPC

/// Every generated message.
enum MessageTypes {
  static let all: [any WireMessage.Type] = [
    ConversationV1.WhoAmIRequest.self, ConversationV1.WhoAmIResponse.self, ConversationV1.Resume.self,
    ConversationV1.SpeechOptions.self, ConversationV1.ConnectRequest.self, ConversationV1.SendTextRequest.self,
    ConversationV1.SendTextResponse.self, ConversationV1.StreamAudioRequest.self, ConversationV1.AudioConfig.self,
    ConversationV1.AudioSegment.self, ConversationV1.StreamAudioResponse.self, ConversationV1.Rejection.self,
    ConversationV1.EndConversationRequest.self, ConversationV1.EndConversationResponse.self,
    ConversationV1.CancelSpeechRequest.self, ConversationV1.CancelSpeechResponse.self,
    ConversationV1.TranscribeRequest.self, ConversationV1.TranscribeConfig.self, ConversationV1.TranscribeResponse.self,
    ConversationV1.RetryTranscriptionRequest.self, ConversationV1.RetryTranscriptionResponse.self,
    ConversationV1.RetryTurnRequest.self, ConversationV1.RetryTurnResponse.self,
    ConversationV1.AcknowledgeEventsRequest.self, ConversationV1.AcknowledgeEventsResponse.self,
    ConversationV1.GetConversationRequest.self, ConversationV1.GetConversationResponse.self,
    ConversationV1.ListConversationsRequest.self, ConversationV1.ListConversationsResponse.self,
    ConversationV1.DeleteConversationRequest.self, ConversationV1.DeleteConversationResponse.self,
    ConversationV1.ListMessagesRequest.self, ConversationV1.ListMessagesResponse.self,
    ConversationV1.GetVoiceSessionRequest.self, ConversationV1.GetVoiceSessionResponse.self,
    ConversationV1.ConversationEvent.self, ConversationV1.UserMessage.self, ConversationV1.TurnStarted.self,
    ConversationV1.AgentMessage.self, ConversationV1.TurnCompleted.self, ConversationV1.TurnFailed.self,
    ConversationV1.TranscriptionFailed.self, ConversationV1.SpeechFinished.self, ConversationV1.ConversationEnded.self,
    ConversationV1.Connected.self, ConversationV1.ReplayCompleted.self, ConversationV1.Heartbeat.self,
    ConversationV1.GoAway.self, ConversationV1.ListeningFeedback.self, ConversationV1.SpeechChunk.self,
    ConversationV1.Suggestion.self, ConversationV1.TopicSuggestions.self, ConversationV1.QuotaUpdated.self,
    ConversationV1.ConcernRaised.self, ConversationV1.Conversation.self, ConversationV1.Message.self,
    ConversationV1.QuotaStatus.self, ConversationV1.VoiceSession.self, MemoirV1.MemoirSegment.self,
    MemoirV1.MemoirBatch.self, MemoirV1.LeaseBatchesRequest.self, MemoirV1.LeaseBatchesResponse.self,
    MemoirV1.AcknowledgeBatchRequest.self, MemoirV1.AcknowledgeBatchResponse.self, MemoirV1.ExtendLeaseRequest.self,
    MemoirV1.ExtendLeaseResponse.self, MemoirV1.ReleaseBatchRequest.self, MemoirV1.ReleaseBatchResponse.self,
    UserV1.User.self, UserV1.UpsertUserRequest.self, UserV1.UpsertUserResponse.self, UserV1.GetUserRequest.self,
    UserV1.GetUserResponse.self, UserV1.DeleteUserRequest.self, UserV1.DeleteUserResponse.self,
    GoogleProtobuf.AnyMessage.self, GoogleProtobuf.Duration.self, GoogleProtobuf.Timestamp.self,
    GoogleRPC.ErrorInfo.self, GoogleRPC.RetryInfo.self, GoogleRPC.DebugInfo.self, GoogleRPC.QuotaFailure.self,
    GoogleRPC.QuotaFailure.Violation.self, GoogleRPC.PreconditionFailure.self,
    GoogleRPC.PreconditionFailure.Violation.self, GoogleRPC.BadRequest.self, GoogleRPC.BadRequest.FieldViolation.self,
    GoogleRPC.RequestInfo.self, GoogleRPC.ResourceInfo.self, GoogleRPC.Help.self, GoogleRPC.Help.Link.self,
    GoogleRPC.LocalizedMessage.self, GoogleRPC.Status.self, HealthV1.HealthCheckRequest.self,
    HealthV1.HealthCheckResponse.self, HealthV1.HealthListRequest.self, HealthV1.HealthListResponse.self,
    ReflectionV1.ServerReflectionRequest.self, ReflectionV1.ExtensionRequest.self,
    ReflectionV1.ServerReflectionResponse.self, ReflectionV1.FileDescriptorResponse.self,
    ReflectionV1.ExtensionNumberResponse.self, ReflectionV1.ListServiceResponse.self, ReflectionV1.ServiceResponse.self,
    ReflectionV1.ErrorResponse.self, ReflectionV1Alpha.ServerReflectionRequest.self,
    ReflectionV1Alpha.ExtensionRequest.self, ReflectionV1Alpha.ServerReflectionResponse.self,
    ReflectionV1Alpha.FileDescriptorResponse.self, ReflectionV1Alpha.ExtensionNumberResponse.self,
    ReflectionV1Alpha.ListServiceResponse.self, ReflectionV1Alpha.ServiceResponse.self,
    ReflectionV1Alpha.ErrorResponse.self,
  ]

  static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.protobufName, $0) })
}
