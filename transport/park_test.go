package transport

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

// talks are what a client may say, well and badly: each is one conversation.
func talks() [][]byte {
	ping, pong := masked(0x89, "are you there"), masked(0x8a, "")
	text, binary := masked(0x81, `{"message": "hello"}`), masked(0x82, "\x00\x01")
	long := masked(0x81, string(bytes.Repeat([]byte("x"), 70_000)))
	bye := masked(0x88, "\x03\xe8bye")
	return [][]byte{
		nil,
		text,
		slices.Concat(text, text, ping, text, binary, pong, bye),
		slices.Concat(masked(0x01, "one"), ping, masked(0x00, " two"), pong, masked(0x80, " three"), text),
		slices.Concat(masked(0x02, ""), masked(0x00, ""), masked(0x80, ""), bye),
		slices.Concat(masked(0x01, "begun"), bye),
		slices.Concat(long, ping, long, bye),
		slices.Concat(masked(0x01, string(bytes.Repeat([]byte("y"), 200))), masked(0x80, string(bytes.Repeat([]byte("z"), 70_000)))),
		text[:len(text)-1],
		masked(0x88, ""),
		masked(0x88, "\x03"),
		masked(0x88, "\x03\xee"),
		masked(0x88, "\x03\xe8\xff"),
		masked(0x80, "a continuation of nothing"),
		slices.Concat(masked(0x01, "begun"), masked(0x81, "and begun again")),
		slices.Concat(text, masked(0xc1, "reserved bit"), text),
		masked(0x83, "reserved opcode"),
		masked(0x8b, "reserved control"),
		masked(0x09, "a ping in parts"),
		masked(0x89, string(bytes.Repeat([]byte("p"), 126))),
		{0x81, 0x02, 'n', 'o'},
		{0x81, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 1, 2, 3, 4},
		{0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4},
		{0x89, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4},
		masked(0x81, string(bytes.Repeat([]byte("m"), talkLimit+1))),
		slices.Concat(masked(0x01, string(bytes.Repeat([]byte("m"), talkLimit))), masked(0x80, "!")),
		slices.Concat(text, masked(0x81, "\xff\xfe"), text),
	}
}

// talkLimit is the longest message of a conversation.
const talkLimit = 80_000

// A parked socket hears what one with a goroutine hears, whichever way its bytes
// are cut: the same messages, pings and pongs in the same order, and the same end.
func TestParkedReaderAgreesWithAGoroutineWhereverItIsCut(t *testing.T) {
	for n, talk := range talks() {
		want := heardByGoroutine(t, talk)
		step := max(1, len(talk)/300)
		for at := 0; at <= len(talk); at += step {
			if got := heardParked(t, talk[:at], talk[at:]); got.String() != want.String() {
				t.Fatalf("talk %d, cut at %d:\nparked    %.300s\ngoroutine %.300s", n, at, got, want)
			}
		}
		if len(talk) > 2000 {
			continue
		}
		if got := heardParked(t, slices.Collect(slices.Chunk(talk, 1))...); got.String() != want.String() {
			t.Fatalf("talk %d, byte by byte:\nparked    %.300s\ngoroutine %.300s", n, got, want)
		}
	}
}

// The same for whatever a client may send, cut into pieces of any size.
func FuzzParkedReader(f *testing.F) {
	for _, talk := range talks() {
		f.Add(talk, uint16(1), uint16(7))
		f.Add(talk, uint16(5000), uint16(1))
	}
	f.Fuzz(func(t *testing.T, talk []byte, one, other uint16) {
		var pieces [][]byte
		for rest := talk; len(rest) > 0; one, other = other, one {
			n := min(len(rest), int(one)+1)
			pieces = append(pieces, rest[:n])
			rest = rest[n:]
		}
		if got, want := heardParked(t, pieces...), heardByGoroutine(t, talk); got.String() != want.String() {
			t.Fatalf("parked    %.300s\ngoroutine %.300s", got, want)
		}
	})
}

// A socket that says nothing holds no goroutine, and neither does one that is in
// the middle of a message, however slowly it comes: many may be.
func TestParkedSocketsHoldNoGoroutine(t *testing.T) {
	if !CanPark {
		t.Fatal("this system cannot park: run the tests of the goroutines alone")
	}
	const sockets = 100
	s := start(t)
	before := runtime.NumGoroutine()
	var conns []*raw
	for range sockets {
		c := upgraded(t, s, "/ws/connect/?email=user@example.com")
		c.frame() // the greeting
		conns = append(conns, c)
	}
	message := masked(0x81, `{"message": "slowly"}`)
	fewGoroutines := func() bool { return runtime.NumGoroutine() < before+sockets+sockets/2 } // the fake has one for each session
	within(t, "the readers to park", fewGoroutines)
	for at := range len(message) - 1 {
		for _, c := range conns {
			if _, err := c.Write(message[at : at+1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	within(t, "everybody to be in the middle of a message", func() bool { return s.underWay() == sockets })
	within(t, "them to take no goroutine for it", fewGoroutines)
	for _, c := range conns {
		if _, err := c.Write(message[len(message)-1:]); err != nil {
			t.Fatal(err)
		}
		if _, reply := c.frame(); !bytes.Contains(reply, []byte("Server received: slowly")) {
			t.Fatalf("the reply is %s", reply)
		}
	}
	if n := s.underWay(); n != 0 {
		t.Errorf("%d messages are still under way", n)
	}
}

// underWay counts the sockets in the middle of a message.
func (s *testServer) underWay() (n int) {
	for _, one := range s.sockets.all() {
		if one.unfinished.Load() != 0 {
			n++
		}
	}
	return n
}

// A message that never ends would hold its memory for ever: its time runs out.
func TestMessageThatDoesNotEndIsTooSlow(t *testing.T) { readers(t, testMessageThatDoesNotEndIsTooSlow) }

func testMessageThatDoesNotEndIsTooSlow(t *testing.T) {
	s := start(t, func(c *Config) { c.PingInterval, c.PongTimeout = 100*time.Millisecond, patience })
	slow, other := upgraded(t, s, "/ws/connect/?email=user@example.com"), dial(t, s, "/ws/connect/?email=alice@example.com")
	slow.frame()
	other.read()
	if _, err := slow.Write(masked(0x81, `{"message": "cut off"}`)[:20]); err != nil {
		t.Fatal(err)
	}
	within(t, "the message to begin", func() bool { return s.underWay() == 1 })
	for _, one := range s.sockets.all() {
		if due := one.unfinished.Load(); due != 0 {
			if left := time.Duration(due - one.now()); left < messageTimeout-patience || left > messageTimeout+time.Second {
				t.Errorf("it has %s", left)
			}
			one.unfinished.Store(1) // long ago
		}
	}
	for opcode, payload := slow.frame(); ; opcode, payload = slow.frame() {
		if opcode != websocket.CloseMessage {
			continue
		}
		if code := int(binary.BigEndian.Uint16(payload)); code != rollcall.CloseSlowMessage.Code {
			t.Errorf("it is closed with %d, want %d", code, rollcall.CloseSlowMessage.Code)
		}
		break
	}
	other.write(websocket.TextMessage, `{"message": "undisturbed"}`)
	other.read()
}

// Somebody who does not read stops the one that writes to it, and nobody's reader.
func TestBlockedWriteBlocksNoReader(t *testing.T) {
	s := start(t)
	deaf := upgraded(t, s, "/ws/connect/?email=user@example.com")
	message := masked(0x81, `{"message": "`+strings.Repeat("x", 64<<10)+`"}`)
	_ = deaf.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	for {
		if _, err := deaf.Write(message); err != nil { // it is not read further
			break
		}
	}
	for range 4 * runtime.GOMAXPROCS(0) { // whoever shares a poller with it is among them
		c := dial(t, s, "/ws/connect/?email=alice@example.com")
		c.read()
		c.write(websocket.TextMessage, `{"message": "undisturbed"}`)
		if got := c.read(); !strings.Contains(got, "undisturbed") {
			t.Errorf("the reply is %s", got)
		}
	}
}

// A panic while replies are written ends their socket, once, and nothing else.
func TestPanicInAWriteEndsItsOwnSocket(t *testing.T) {
	for name, talk := range map[string][]byte{
		"alone":            masked(0x81, "hello"),
		"before a goodbye": append(masked(0x81, "hello"), masked(0x88, "\x03\xe8")...),
	} {
		t.Run(name, func(t *testing.T) {
			s, e := talking(t, bytes.NewReader(nil))
			e.replies = s
			farewells := make(chan struct{}, 2)
			p := &parked{
				reader: reader{socket: s, terms: &terms{limit: talkLimit, farewell: func(*socket) { farewells <- struct{}{} }}},
				state:  reads,
			}
			s.wire.Conn = &table{deafConn: deafConn{from: bytes.NewReader(nil)}, pieces: [][]byte{talk}, crashes: true}
			s.wire.fed, s.parked = true, p
			s.conn.SetCloseHandler(silent)
			p.rests(true)
			if next := p.Wake(make([]byte, maxGathered)); next != Leaves {
				t.Errorf("it waits on as %d", next)
			}
			select {
			case <-farewells:
			case <-time.After(patience):
				t.Fatal("nobody takes leave of the socket")
			}
			select {
			case <-farewells:
				t.Error("leave is taken of it twice")
			case <-time.After(100 * time.Millisecond):
			}
		})
	}
}

// ear is a session that notes what it is told.
type ear struct {
	said    bytes.Buffer
	left    chan struct{}
	replies *socket // that gets what was said back, if there is one
}

func (e *ear) Receive(f rollcall.Frame) {
	text, isText := f.Text()
	fmt.Fprintf(&e.said, "%t %d %.40q\n", isText, len(text), text)
	if e.replies != nil {
		e.replies.Send(bytes.Clone(text))
	}
	f.Release()
}

func (e *ear) Leave() {
	select {
	case e.left <- struct{}{}:
	default:
	}
}

// heard is what came of a conversation.
type heard struct {
	said string
	end  rollcall.Close
}

func (h heard) String() string { return fmt.Sprintf("%sclosed with %d", h.said, h.end.Code) }

func heardByGoroutine(t *testing.T, talk []byte) heard {
	t.Helper()
	s, e := talking(t, bytes.NewReader(talk))
	r := &reader{socket: s, terms: &terms{limit: talkLimit}}
	go func() {
		<-e.left
		s.Close(rollcall.CloseNormal)
	}()
	s.finishReading(r.read())
	return ended(t, s, e)
}

func heardParked(t *testing.T, pieces ...[]byte) heard {
	t.Helper()
	s, e := talking(t, bytes.NewReader(nil))
	over := make(chan struct{})
	p := &parked{
		reader: reader{socket: s, terms: &terms{limit: talkLimit, farewell: func(*socket) { close(over) }}},
		state:  reads,
	}
	s.wire.Conn = &table{deafConn: deafConn{from: bytes.NewReader(nil)}, pieces: pieces}
	s.wire.fed = true
	s.conn.SetCloseHandler(silent)
	s.parked = p
	go func() {
		<-e.left
		s.Close(rollcall.CloseNormal)
	}()
	buffer := make([]byte, maxGathered)
	for next := p.rests(true); next != Leaves; {
		next = p.Wake(buffer)
	}
	select {
	case <-over:
	case <-time.After(patience):
		t.Fatal("the parked reader does not end")
	}
	return ended(t, s, e)
}

func ended(t *testing.T, s *socket, e *ear) heard {
	t.Helper()
	why, ended := s.Ended()
	if !ended {
		t.Fatal("the socket is open")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.credit != 0 {
		t.Errorf("%d bytes of credit are out", s.credit)
	}
	return heard{e.said.String(), why}
}

// table is a connection that serves pieces, and then its end.
type table struct {
	deafConn
	pieces  [][]byte
	crashes bool // when it is written to
}

func (p *table) TryRead(into []byte) (int, error) {
	if len(p.pieces) == 0 {
		return 0, io.EOF
	}
	n := copy(into, p.pieces[0])
	if p.pieces[0] = p.pieces[0][n:]; len(p.pieces[0]) == 0 {
		p.pieces = p.pieces[1:]
	}
	return n, nil
}

func (p *table) TryWrite(b []byte) int {
	if p.crashes {
		panic("fault: the connection")
	}
	return len(b)
}

func (*table) CloseWrite() error { return nil }
func (*table) Attach(Driver)     {}
func (*table) Again()            {}
func (*table) Detach()           {}

// talking is a socket over a connection that has only its reading side.
func talking(t *testing.T, from io.Reader) (*socket, *ear) {
	t.Helper()
	s := newSocket("nowhere", &budget{}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} {
		r.Header.Set(name, value)
	}
	conn, err := upgrader(readBuffer).Upgrade(&hijacker{&hijacked{conn: deafConn{from: from}}, &s.wire, nil}, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(talkLimit)
	s.conn = conn
	e := &ear{left: make(chan struct{}, 1)}
	s.admitted(e)
	return s, e
}

// hijacked gives its connection to whoever upgrades.
type hijacked struct {
	http.ResponseWriter
	conn net.Conn
}

func (h *hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

// deafConn reads what it is made of, and writes into nothing.
type deafConn struct{ from io.Reader }

func (c deafConn) Read(p []byte) (int, error)     { return c.from.Read(p) }
func (deafConn) Write(p []byte) (int, error)      { return len(p), nil }
func (deafConn) Close() error                     { return nil }
func (deafConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (deafConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (deafConn) SetDeadline(time.Time) error      { return nil }
func (deafConn) SetReadDeadline(time.Time) error  { return nil }
func (deafConn) SetWriteDeadline(time.Time) error { return nil }
