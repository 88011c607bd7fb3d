import Crypto
import Files
import HTTP
import HTTPServer
import JSON
import LibEvent
import Support
import Testing

@testable import Easel

/// What a client that streams is sent, event by event.
@Suite(.onEventLoop, .timeLimit(.minutes(1)))
struct StreamedAnswerTests {
    /// A job under way, with a client that streams it.
    @EventLoop
    final class Job {
        let folder = TemporaryFolder()
        let clock = ManualClock()
        let spool: Spool
        let previews = Previews()
        let ending = Promise<StreamedAnswer.Ending>()

        init() throws { spool = try Spool(folder: "\(folder.path)/spool") }

        func answer(to order: ImageOrder = streamed(), silence: Duration = .seconds(10)) -> StreamedAnswer {
            StreamedAnswer(to: order, previews: previews, clock: clock.wallClock, silence: silence) { [ending] in
                await ending.wait()
            }
        }

        func show(_ index: Int, _ picture: [UInt8]) async throws {
            let source = ListedPieces([picture])
            previews.add(Preview(index: index, file: try await spool.receiveFile(then: source, limit: 1 << 20)))
        }

        func complete(_ picture: [UInt8], usage: JSONValue? = nil, mediaType: String = "image/png") throws {
            try folder.write(picture, to: "image")
            let blob = BlobRecord(
                digest: SHA256.digest(of: picture), mediaType: mediaType, length: picture.count, width: 8, height: 9)
            ending.fulfil(
                .completed(
                    StreamedAnswer.Completion(
                        image: ImageRecord(token: "t", jobID: "req_1", position: 0, blob: blob, createdAt: clock.now),
                        text: .base64(path: "\(folder.path)/image", length: picture.count), finishedAt: clock.now,
                        usage: usage,
                        easel: ["provider": "offline"])))
        }
    }

    static func streamed(
        _ operation: ImageOrder.Operation = .generate, _ parameters: [Parameter: JSONValue] = [:]
    ) -> ImageOrder {
        var order = ImageOrder(operation: operation, model: "m", prompt: "otter")
        order.isStreamed = true
        order.parameters = parameters
        return order
    }

    @Test @EventLoop func `partial images come before the image, in the words of OpenAI's events`() async throws {
        let job = try Job()
        try await job.show(0, png(width: 4, height: 5))
        let answer = job.answer(to: Self.streamed(.generate, [.quality: "high", .background: "opaque"]))
        let response = try await answer.response()
        #expect(response.status == .ok)
        #expect(response.fields["content-type"] == "text/event-stream")
        #expect(response.fields["cache-control"]?.contains("no-cache") == true)
        #expect(response.fields["x-accel-buffering"] == "no")
        let usage: JSONValue = [
            "total_tokens": 3, "input_tokens": 1, "output_tokens": 2,
            "input_tokens_details": ["text_tokens": 1, "image_tokens": 0],
        ]
        try job.complete(png(width: 8, height: 9), usage: usage)
        let facts = #""created_at":1795248000,"size":"#
        #expect(
            try await Self.text(of: answer) == """
                event: image_generation.partial_image
                data: {"type":"image_generation.partial_image",\(facts)"4x5","quality":"high","background":"opaque",\
                "output_format":"png","partial_image_index":0,"b64_json":"\(base64(png(width: 4, height: 5)))"}

                event: image_generation.completed
                data: {"type":"image_generation.completed",\(facts)"8x9","quality":"high","background":"opaque",\
                "output_format":"png","usage":\(usage.text),"easel":{"provider":"offline"},\
                "b64_json":"\(base64(png(width: 8, height: 9)))"}


                """)
    }

    @Test @EventLoop func `strict clients find every field they demand, with words they know`() async throws {
        let job = try Job()
        try job.complete(png(), usage: ["total_tokens": 5], mediaType: "image/webp")
        let answer = job.answer(to: Self.streamed(.edit, [.quality: "hd", .background: "auto"]))
        let events = try await Self.events(of: answer)
        let data = try #require(events.first)
        #expect(events.count == 1)
        #expect(data["type"] == "image_edit.completed")
        #expect(data["quality"] == "auto")
        #expect(data["background"] == "auto")
        #expect(data["output_format"] == "webp")
        #expect(data["error"] == nil)
        #expect(
            data["usage"] == [
                "total_tokens": 0, "input_tokens": 0, "output_tokens": 0,
                "input_tokens_details": ["text_tokens": 0, "image_tokens": 0],
            ])
    }

    @Test @EventLoop func `a failure after the stream began is its last event`() async throws {
        let job = try Job()
        try await job.show(0, png())
        let answer = job.answer()
        _ = try await answer.response()
        job.ending.fulfil(.failed(.invalid("prompt", "Not this one.", code: "moderation_blocked")))
        let text = try await Self.text(of: answer)
        #expect(
            text.hasSuffix(
                """
                event: error
                data: {"type":"error","error":{"message":"Not this one.","type":"invalid_request_error",\
                "param":"prompt","code":"moderation_blocked"}}


                """))
    }

    @Test @EventLoop func `a failure before the stream began is an ordinary answer`() async throws {
        let job = try Job()
        let answer = job.answer()
        job.ending.fulfil(.failed(.stopping()))
        await #expect(throws: GatewayError.stopping()) { _ = try await answer.response() }
    }

    @Test @EventLoop func `silence is broken by comments, and begins the stream`() async throws {
        let job = try Job()
        let answer = job.answer(silence: .milliseconds(20))
        _ = try await answer.response()
        #expect(try await answer.next() == Array(": keep-alive\n\n".utf8))
        #expect(try await answer.next() == EventStream.keepAlive)
        #expect(try await answer.next() == EventStream.keepAlive)
        try job.complete(png())
        #expect(try await Self.events(of: answer).map { $0["type"] } == ["image_generation.completed"])
    }

    @Test @EventLoop func `a slow reader gets only the newest partial image of each index`() async throws {
        let job = try Job()
        let answer = job.answer()
        for height in 1...10 { try await job.show(height % 2, png(height: height)) }
        // What nobody can get any more is no longer on disk.
        #expect(try job.folder.names(in: "spool").count == 2)
        try job.complete(png())
        let events = try await Self.events(of: answer)
        #expect(events.map { $0["size"] } == ["8x9", "8x10", "8x9"])
        #expect(events.map { $0["partial_image_index"] } == [1, 0, nil])
    }

    @Test @EventLoop func `a provider that counts without end fills no disk`() async throws {
        let job = try Job()
        for index in 0..<20 { try await job.show(index, png()) }
        #expect(try job.folder.names(in: "spool").count == Previews.limit)
        #expect(job.previews.first(after: 0)?.preview.index == 20 - Previews.limit)
    }

    @Test @EventLoop func `several clients follow one job`() async throws {
        let job = try Job()
        let answers = [job.answer(), job.answer()]
        try await job.show(0, png())
        for answer in answers { _ = try await answer.response() }
        #expect(try await answers[0].next()?.isEmpty == false)
        let late = job.answer()
        try job.complete(png())
        for answer in answers + [late] {
            #expect(try await Self.text(of: answer).contains("event: image_generation.completed\n"))
        }
    }

    @Test @EventLoop func `a client that leaves ends its stream and nothing else`() async throws {
        let job = try Job()
        var answer: StreamedAnswer? = job.answer()
        weak let gone = answer
        let reading = EventLoop.spawn { [answer] in try await answer?.next() }
        answer = nil
        try await EventLoop.sleep(for: .milliseconds(5))
        reading.cancel()
        await #expect(throws: CancellationError.self) { _ = try await reading.value }
        #expect(await eventually { gone == nil })
        #expect(job.ending.value == nil)
        try await job.show(0, png())
        try job.complete(png())
        #expect(try await Self.events(of: job.answer()).count == 2)
    }

    @Test @EventLoop func `a client that leaves before the stream began is known to have`() async throws {
        let answer = try Job().answer()
        let waiting = EventLoop.spawn { try await answer.response().status }
        waiting.cancel()
        await #expect(throws: GatewayError.clientLeft()) { _ = try await waiting.value }
    }

    @Test @EventLoop func `an image that cannot be read any more is an error, not half an event`() async throws {
        let job = try Job()
        try job.complete(png())
        let other = TemporaryFolder()
        guard case .completed(var completion)? = job.ending.value else { return }
        completion.text = .base64(path: "\(other.path)/nothing")
        let ending = completion
        let answer = StreamedAnswer(to: Self.streamed(), previews: job.previews, clock: job.clock.wallClock) {
            .completed(ending)
        }
        #expect(try await Self.events(of: answer).first?["error"]?["code"] == "internal_error")
    }

    @EventLoop static func text(of answer: StreamedAnswer) async throws -> String {
        var bytes: [UInt8] = []
        while let part = try await answer.next() { bytes += part }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The data of every event, read as clients do.
    @EventLoop static func events(of answer: StreamedAnswer) async throws -> [JSONValue] {
        var parser = EventStreamParser()
        var events: [JSONValue] = []
        var data: [UInt8] = []
        for part in parser.feed(Array(try await text(of: answer).utf8).span) {
            switch part {
            case .data(let bytes): data += bytes
            case .end(let name):
                let event = try JSONValue(parsing: data)
                #expect(event["type"]?.string == name)
                events.append(event)
                data = []
            }
        }
        return events
    }
}
