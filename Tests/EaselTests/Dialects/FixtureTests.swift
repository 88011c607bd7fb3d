import JSON
import Testing

@testable import Easel

/// Runs every case of `Fixtures/dialects`: a contribution of a dialect is YAML and such examples.
struct FixtureTests {
    @Test(arguments: Fixture.all.filter { $0.json["order"] != nil })
    func `an order becomes exactly these requests and this report`(fixture: Fixture) throws {
        let order = try #require(fixture.order)
        let planned: JSONValue
        do throws(OrderRefusal) {
            planned = try Planner(fixture.dialect, at: fixture.endpoint).plan(
                for: order, strict: fixture.isStrict, identifier: "req-1"
            ).fixture
        } catch {
            planned = error.fixture
        }
        expect(planned, toBe: fixture.json["plan"])
    }

    @Test(arguments: Fixture.all.filter { $0.json["streams"] != nil })
    func `the events of a stream mean exactly this`(fixture: Fixture) throws {
        for stream in fixture.json["streams"]?.array ?? [] {
            let (partials, answer) = try fixture.assemble(stream)
            var meaning = JSONObject()
            meaning["partial"] = partials.isEmpty ? nil : .array(partials)
            let outcome = answer.map { fixture.dialect.outcome(of: $0).fixture } ?? ["lost": true]
            for member in outcome.object?.members ?? [] { meaning[member.name] = member.value }
            expect(.object(meaning), toBe: stream["means"])
        }
    }

    @Test(arguments: Fixture.all.filter { $0.json["answers"] != nil })
    func `an answer means exactly this`(fixture: Fixture) throws {
        for answer in fixture.json["answers"]?.array ?? [] {
            let received = Fixture.answer(answer)
            let meaning =
                switch answer["to"]?.string {
                case "status": fixture.dialect.progress(of: received, for: fixture.task).fixture
                case "result": fixture.dialect.result(of: received, for: fixture.task).fixture
                case "cancel": fixture.dialect.cancellation(of: received).fixture
                default: fixture.dialect.outcome(of: received).fixture
                }
            expect(meaning, toBe: answer["means"])
        }
    }

    @Test(arguments: Fixture.all.filter { $0.json["questions"] != nil })
    func `a job in a queue is asked about at exactly these addresses`(fixture: Fixture) throws {
        let (dialect, task, endpoint) = (fixture.dialect, fixture.task, fixture.endpoint)
        var questions = JSONObject()
        questions["status"] = dialect.statusRequest(for: task, at: endpoint)?.fixture
        questions["result"] = dialect.resultRequest(for: task, at: endpoint)?.fixture
        questions["cancel"] = dialect.cancelRequest(for: task, at: endpoint)?.fixture
        expect(.object(questions), toBe: fixture.json["questions"])
    }

    private func expect(
        _ value: JSONValue, toBe expected: JSONValue?, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let isSame = value == expected
        #expect(
            isSame, "\(value.pretty)\n\nis not\n\n\(expected?.pretty ?? "there")", sourceLocation: sourceLocation)
    }
}

extension JSONValue {
    fileprivate var pretty: String { String(decoding: encoded(isPretty: true), as: UTF8.self) }
}
