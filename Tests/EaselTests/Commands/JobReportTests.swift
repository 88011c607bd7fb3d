import JSON
import Testing

@testable import Easel

struct JobReportTests {
    private let clock = ManualClock()

    private func story() -> JobStory {
        var job = JobRecord.example("req_1", key: "key_1")
        (job.state, job.finishedAt, job.cost) = (.done, clock.now + .milliseconds(4_250), Money("0.03"))
        job.report = #"{"size":{"outcome":"clamped","value":"1024x1024","asked":"9000x9000","note":"at most 2048"}}"#
        var refused = AttemptRecord.example("req_1", provider: "modelverse")
        (refused.state, refused.answeredAt, refused.upstreamStatus) = (.refused, clock.now + .milliseconds(120), 429)
        refused.failure = #"{"kind":"rate_limit"}"#
        var done = AttemptRecord.example("req_1", 2, provider: "seaart")
        done.submittedAt = clock.now + .milliseconds(130)
        (done.state, done.answeredAt, done.upstreamID) = (.done, clock.now + .milliseconds(4_000), "their-9")
        let image = ImageRecord(
            token: "t0ken", jobID: "req_1", position: 0, blob: .example("a"), seed: 7, createdAt: clock.now)
        return JobStory(job: job, keyName: "ci", attempts: [refused, done], images: [image])
    }

    @Test func `it tells the story of a request to a person`() {
        #expect(
            JobReport(story(), Configuration()).text == """
                req_1  done

                  operation         generate with otter
                  key               ci (key_1)
                  request           1 wanted, prompt of 8 characters, 0 input images, 100 bytes
                  parameters        {"n":1}
                  accepted          2026-11-21T08:00:00.000Z
                  finished          2026-11-21T08:00:04.250Z
                  cost              0.03 USD

                attempt 1
                  provider          modelverse, as theirs
                  state             refused
                  submitted         2026-11-21T08:00:00.000Z  (+0 ms)
                  answered          2026-11-21T08:00:00.120Z  (+120 ms)
                  status            429
                  failure           {"kind":"rate_limit"}

                attempt 2
                  provider          seaart, as theirs
                  state             done
                  submitted         2026-11-21T08:00:00.130Z  (+130 ms)
                  answered          2026-11-21T08:00:04.000Z  (+3870 ms)
                  their id          their-9

                image 0
                  link              http://127.0.0.1:8080/files/t0ken.png
                  picture           image/png, 4x3, 100 bytes, seed 7
                  sha256            \(BlobRecord.example("a").digest)

                what became of its parameters
                  size              clamped "1024x1024"  (at most 2048)
                """)
    }

    @Test func `it tells how the request was named, what it used and what went wrong`() {
        var story = story()
        (story.job.idempotencyKey, story.job.usage) = ("secret-name", ["total_tokens": 7])
        story.job.missing = ["the link was dead"]
        (story.job.error, story.job.errorStatus) = (#"{"code":"result_unavailable"}"#, 502)
        let text = JobReport(story, Configuration()).text
        #expect(text.contains("idempotency key   given"))
        #expect(text.contains(#"usage             {"total_tokens":7}"#))
        #expect(text.contains("missing image     the link was dead"))
        #expect(text.contains(#"error             HTTP 502  {"code":"result_unavailable"}"#))
        let json = story.json(Configuration())
        #expect(json["has_idempotency_key"] == true)
        #expect(json["usage"]?["total_tokens"] == 7)
        #expect(json["missing"] == ["the link was dead"])
        #expect(json["error_status"] == 502)
        #expect(!(text + json.text).contains("secret-name"))
    }

    @Test func `what is not known is not made up`() {
        var story = story()
        (story.job.state, story.job.finishedAt, story.job.cost) = (.submitted, nil, nil)
        story.job.report = "damaged"
        let text = JobReport(story, Configuration()).text
        #expect(text.contains("finished          not yet"))
        #expect(text.contains("cost              unknown"))
        #expect(!text.contains("what became"))
        let json = story.json(Configuration())
        #expect(json["cost"] == .null)
        #expect(json["has_idempotency_key"] == false)
        #expect(json["missing"] == [])
        #expect(json["usage"] == nil)
        #expect(json["error_status"] == nil)
    }
}
