/// `/v1/images/variations`: an edit whose words are the gateway's own.
///
/// OpenAI retired the endpoint with DALL·E 2, the only model that had it; older clients and libraries still call it.
enum Variation {
    /// Tells a model what to do with the image; the endpoint has no prompt, but a client may send one.
    static let prompt = "Make a variation of this image."

    /// What stands for a value that the client left out: a link is what DALL·E 2 answered with.
    static let standIns: [RequestValues.Entry] = [
        ("prompt", .text(prompt)), ("response_format", .text("url")),
    ]
}
