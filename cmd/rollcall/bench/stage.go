package bench

import (
	"encoding/binary"

	"github.com/rollcall/rollcall"
)

// stage is how far a client's socket has come.
type stage uint8

// A socket goes through these in this order, and may end from any of them.
const (
	dialing   stage = iota
	upgrading       // the handshake is sent
	admitting       // the handshake is answered; the greeting is waited for
	greeted
	leaving // goodbye is said; the server's is waited for
	over
)

var (
	greetingStart = []byte(`{"type": "connection_established"`)
	replyStart    = []byte(`{"type": "message", "message": "Server received: `)
	goodbye       = appendFrame(nil, opClose, binary.BigEndian.AppendUint16(nil, uint16(rollcall.CloseNormal.Code)))
)
