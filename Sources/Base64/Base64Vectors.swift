import CBase64

/// Base64 by the processor's vectors, some 30 bytes at once; what they leave over is for the tables.
///
/// Large images pass here, twice where their provider and their client both speak base64.
package enum Base64Vectors {
    /// Appends the text of groups of three bytes from the start on, and returns how many bytes were taken.
    package static func encode(_ bytes: Span<UInt8>, into text: inout [UInt8]) -> Int {
        var count = 0
        text.append(addingCapacity: bytes.count / 3 * 4) { text in
            unsafe text.withUnsafeMutableBufferPointer { text, filled in
                count = unsafe bytes.withUnsafeBufferPointer { bytes in
                    guard let start = bytes.baseAddress, let end = text.baseAddress else { return 0 }
                    return unsafe base64_encode(start, bytes.count, end + filled)
                }
                filled += count / 3 * 4
            }
        }
        return count
    }

    /// Appends the bytes of groups of four characters from the start on, and returns how many characters were taken.
    ///
    /// It stops shortly before the first character that is not in the standard alphabet.
    package static func decode(_ text: Span<UInt8>, into bytes: inout [UInt8]) -> Int {
        var count = 0
        bytes.append(addingCapacity: text.count / 4 * 3) { bytes in
            unsafe bytes.withUnsafeMutableBufferPointer { bytes, filled in
                count = unsafe text.withUnsafeBufferPointer { text in
                    guard let start = text.baseAddress, let end = bytes.baseAddress else { return 0 }
                    return unsafe base64_decode(start, text.count, end + filled)
                }
                filled += count / 4 * 3
            }
        }
        return count
    }
}
