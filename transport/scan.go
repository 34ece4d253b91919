package transport

import (
	"encoding/binary"

	"github.com/gorilla/websocket"
)

// The parts of a frame's head: RFC 6455 section 5.2.
const (
	finalBit    = 0x80
	reserved    = 0x70
	opcodeBits  = 0x0f
	maskBit     = 0x80
	lengthBits  = 0x7f
	twoBytes    = 126 // the length is in the next two bytes
	eightBytes  = 127 // the length is in the next eight
	maskSize    = 4
	maxControl  = 125 // payload of a control frame
	continues   = 0   // the opcode of a continuation
	leastHead   = 2
	controlBit  = 0x08 // of an opcode
	wideLength  = 2
	widerLength = 8
)

// head is what a frame says of itself.
type head struct {
	opcode byte
	final  bool
	valid  bool  // as far as the first two bytes tell, and for a frame alone
	whole  bool  // all of it is there
	size   int   // of what is there of it, in bytes
	length int64 // of the payload; negative if it is beyond what can be
}

// headOf reads what is there of a frame's head, if it is enough to tell its kind.
func headOf(b []byte) (h head, ok bool) {
	if len(b) < leastHead {
		return h, false
	}
	h.opcode, h.final, h.size = b[0]&opcodeBits, b[0]&finalBit != 0, leastHead
	short := b[1] & lengthBits
	h.valid = b[1]&maskBit != 0 && b[0]&reserved == 0 &&
		(h.data() || h.control() && h.final && short <= maxControl)
	switch short {
	case twoBytes:
		if len(b) < h.size+wideLength {
			return h, true
		}
		h.length = int64(binary.BigEndian.Uint16(b[h.size:]))
		h.size += wideLength
	case eightBytes:
		if len(b) < h.size+widerLength {
			return h, true
		}
		h.length = int64(binary.BigEndian.Uint64(b[h.size:]))
		h.size += widerLength
	default:
		h.length = int64(short)
	}
	if h.length < 0 { // whatever follows
		h.whole = true
	} else if h.whole = len(b) >= h.size+maskSize; h.whole {
		h.size += maskSize
	}
	return h, true
}

// data reports whether the frame is a part of a message.
func (h head) data() bool { return h.opcode == continues || h.begins() }

// begins reports whether it is the first part of one.
func (h head) begins() bool {
	return h.opcode == websocket.TextMessage || h.opcode == websocket.BinaryMessage
}

func (h head) control() bool {
	return h.opcode == websocket.CloseMessage || h.opcode == websocket.PingMessage || h.opcode == websocket.PongMessage
}

// appendPayload takes the mask off a whole frame's payload: RFC 6455 section 5.3.
func (h head) appendPayload(to, frame []byte) []byte {
	from := len(to)
	to = append(to, frame[h.size:h.size+int(h.length)]...)
	mask := uint64(binary.LittleEndian.Uint32(frame[h.size-maskSize:]))
	mask |= mask << 32
	p := to[from:]
	for ; len(p) >= 8; p = p[8:] {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^mask)
	}
	for i := range p {
		p[i] ^= byte(mask >> (8 * i))
	}
	return to
}

// appendHead writes the head of a whole message of the server's that is gathered, and so
// short: RFC 6455 section 5.2.
func appendHead(to []byte, kind byte, length int) []byte {
	to = append(to, finalBit|kind)
	if length < twoBytes {
		return append(to, byte(length))
	}
	return binary.BigEndian.AppendUint16(append(to, twoBytes), uint16(length))
}
