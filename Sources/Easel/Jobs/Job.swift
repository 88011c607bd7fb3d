import JSON

/// One request being worked on.
///
/// It belongs to no connection: when its client leaves, it goes on.
struct Job: Sendable {
    let id: String
    let keyID: String
    let submission: Submission
    let acceptedAt: Timestamp
    let ending = Promise<JobEnding>()
}

/// How a job ended.
enum JobEnding: Sendable {
    case done(FinishedJob)
    case failed(GatewayError)
}

/// A job whose images are stored and written down.
struct FinishedJob: Sendable {
    var record: JobRecord
    var images: [ImageRecord]
    var provider: String
    /// The provider's name for the model.
    var upstreamModel: String
    var upstreamRequestID: String?
    /// What became of every parameter.
    var report: [ParameterReport]
    /// Images of the order that are missing, and why.
    var missing: [String] = []
    /// The provider's account of tokens, when it is in OpenAI's form.
    var usage: JSONValue?
    var timings: Timings
}

/// Where a job's time went.
struct Timings: Sendable {
    /// Until the provider had answered.
    var upstream: Duration = .zero
    /// Until the images were stored.
    var storing: Duration = .zero
}
