import HTTP
import Testing

@testable import Easel

struct StrictnessTests {
    @Test(arguments: ["true", "True", " TRUE "])
    func `a client may want to be taken at its word`(word: String) throws {
        #expect(try Strictness.isWanted(["Easel-Strict": word], byOwner: false))
    }

    @Test(arguments: [["Easel-Strict": "false"], ["Easel-Strict": "False"], [:]] as [Fields])
    func `otherwise the owner's word counts`(fields: Fields) throws {
        #expect(try Strictness.isWanted(fields, byOwner: true))
        #expect(try !Strictness.isWanted(fields, byOwner: false))
    }

    @Test(arguments: ["", "1", "yes", "true, true", "{}"])
    func `any other word is refused, also where the owner is strict`(word: String) throws {
        for isOwners in [true, false] {
            let error = #expect(throws: GatewayError.self) {
                try Strictness.isWanted(["Easel-Strict": word], byOwner: isOwners)
            }
            #expect(error?.status == .badRequest)
            #expect(error?.parameter == "Easel-Strict")
        }
    }
}
