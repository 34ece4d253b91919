package transport

import (
	"net"
	"strings"
	"testing"
)

// Whoever is put out for a flood and goes on with it must not keep the server
// busy until the time for an answer is up: five such clients took two cores, and
// everybody else waited.
func TestFloodIsReadSlowlyWhenItsSocketHasEnded(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxMessageRate = 10 })
	r := upgraded(t, s, "/ws/connect/?email=user@example.com")
	if err := r.Conn.(*net.TCPConn).SetWriteBuffer(1 << 12); err != nil { // or the kernel takes it all
		t.Fatal(err)
	}
	message := "\x81\xe4\x00\x00\x00\x00" + strings.Repeat("x", 100)
	piece := []byte(strings.Repeat(message, 100))
	taken, most := 0, 2<<20 // 2,000 messages are 200 kB; the kernel keeps some hundred more
	for taken <= most {
		n, err := r.Write(piece)
		taken += n
		if err != nil {
			return // the socket is closed
		}
	}
	t.Errorf("the server has taken %d bytes of a flood", taken)
}
