package bench

import (
	"encoding/binary"
	"errors"
)

// The opcodes of RFC 6455 section 5.2 that a client of the bench meets.
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xA
)

const (
	finalBit  = 0x80 // of the first byte; a message of several frames is refused
	opBits    = 0x0F
	maskBit   = 0x80 // of the second byte; only clients set it
	size16    = 126  // the length is in the next two bytes
	size64    = 127  // the length is in the next eight bytes
	smallHead = 2

	// maxFrame is the longest frame that a client takes, which is several times
	// the longest that the bench asks for. A longer one ends its client, which
	// counts as failed.
	maxFrame = 1 << 20
)

// mask is the same for every frame: it costs the server what any other would,
// and lets a frame be built once and sent for ever.
var mask = [4]byte{'r', 'o', 'l', 'l'}

var errFrame = errors.New("a frame that no server may send")

// frame is one frame of a server. Its payload lies in the buffer it was read into.
type frame struct {
	op      byte
	payload []byte
}

// appendFrame appends one masked frame.
func appendFrame(b []byte, op byte, payload []byte) []byte {
	b = append(b, finalBit|op)
	switch n := len(payload); {
	case n < size16:
		b = append(b, maskBit|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, maskBit|size16), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, maskBit|size64), uint64(n))
	}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i%len(mask)])
	}
	return b
}

// cutFrame takes the first frame off what was read. It answers false while the
// frame is not whole.
func cutFrame(b []byte) (f frame, rest []byte, ok bool, err error) {
	if len(b) < smallHead {
		return frame{}, b, false, nil
	}
	if b[0]&^opBits != finalBit || b[1]&maskBit != 0 {
		return frame{}, b, false, errFrame
	}
	head, size := smallHead, uint64(b[1])
	switch size {
	case size16:
		if head += 2; len(b) >= head {
			size = uint64(binary.BigEndian.Uint16(b[smallHead:]))
		}
	case size64:
		if head += 8; len(b) >= head {
			size = binary.BigEndian.Uint64(b[smallHead:])
		}
	}
	if size > maxFrame {
		return frame{}, b, false, errFrame
	}
	end := head + int(size)
	if len(b) < end {
		return frame{}, b, false, nil
	}
	return frame{b[0] & opBits, b[head:end]}, b[end:], true, nil
}
