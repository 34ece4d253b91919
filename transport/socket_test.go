package transport

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/rollcall/rollcall"
)

// patience bounds every wait of these tests; none takes it when all is well.
const patience = 10 * time.Second

const greeting = `{"type": "connection_established", "message": "Connected successfully as user@example.com"}`

// A client sees why it is refused as a close code, which needs the upgrade
// first; a browser's onclose shows nothing else.
func TestHandshakeAnswersWhoeverAsks(t *testing.T) { readers(t, testHandshakeAnswersWhoeverAsks) }

func testHandshakeAnswersWhoeverAsks(t *testing.T) {
	s := start(t)
	s.presence.users = append(s.presence.users, "plus+tag@example.com", "fifty%percent@example.com", "jürgen@exämple.de", "o'brien&co@example.com", "semi;colon@example.com")
	for query, want := range map[string]string{
		"?email=user@example.com":                          "user@example.com",
		"?email=user%40example.com":                        "user@example.com",
		"?e%6Dail=user@example.com":                        "user@example.com",
		"?x=1&email=user@example.com&y":                    "user@example.com",
		"?email=user@example.com&email=nobody@example.com": "user@example.com",
		"?email=&email=user@example.com":                   "user@example.com",
		"?email&email=user@example.com":                    "user@example.com",
		"?email=plus+tag@example.com":                      "plus+tag@example.com",
		"?email=plus%2Btag@example.com":                    "plus+tag@example.com",
		"?email=fifty%percent@example.com":                 "fifty%percent@example.com",
		"?email=fifty%25percent@example.com":               "fifty%percent@example.com",
		"?email=o%27brien%26co@example.com":                "o'brien&co@example.com",
		"?email=j%C3%BCrgen@ex%C3%A4mple.de":               "jürgen@exämple.de",
		"?email=semi;colon@example.com":                    "semi;colon@example.com",
	} {
		for _, path := range []string{"/ws/connect", "/ws/connect/"} {
			c := dial(t, s, path+query)
			if got, want := c.read(), string(rollcall.Greeting(rollcall.Email(want))); got != want {
				t.Errorf("%s%s was greeted %s, want %s", path, query, got, want)
			}
		}
	}
	for query, want := range map[string]rollcall.Close{
		"": rollcall.CloseNoEmail, "?": rollcall.CloseNoEmail, "?email": rollcall.CloseNoEmail, "?email=": rollcall.CloseNoEmail,
		"?EMAIL=user@example.com": rollcall.CloseNoEmail, "?x=email=user@example.com": rollcall.CloseNoEmail,
		"?email=nobody@example.com":                            rollcall.CloseUnknownEmail,
		"?email=USER@example.com":                              rollcall.CloseUnknownEmail,
		"?email=%20user@example.com":                           rollcall.CloseUnknownEmail,
		"?email=user@example.com%0A":                           rollcall.CloseUnknownEmail,
		"?email=user@example.com%00":                           rollcall.CloseUnknownEmail,
		"?email=%ff%fe@example.com":                            rollcall.CloseUnknownEmail,
		"?email=" + strings.Repeat("a", 9000) + "@example.com": rollcall.CloseUnknownEmail,
		"?email='%20OR%201=1%20--":                             rollcall.CloseUnknownEmail,
		"?email=nobody@example.com&email=user@example.com":     rollcall.CloseUnknownEmail,
	} {
		dial(t, s, "/ws/connect/"+query).wantClose(want)
	}
}

// What is no handshake is told so over HTTP, at once.
func TestWhatIsNoHandshakeIsAnsweredOverHTTP(t *testing.T) {
	readers(t, testWhatIsNoHandshakeIsAnsweredOverHTTP)
}

func testWhatIsNoHandshakeIsAnsweredOverHTTP(t *testing.T) {
	s := start(t)
	const key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	const upgrade = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	for name, c := range map[string]struct {
		request string
		want    int
	}{
		"plain GET":       {"GET /ws/connect/?email=user@example.com HTTP/1.1\r\n", 426},
		"POST":            {"POST /ws/connect/ HTTP/1.1\r\nContent-Length: 0\r\n" + upgrade + key, 426},
		"HTTP/1.0":        {"GET /ws/connect/ HTTP/1.0\r\n" + upgrade + key, 426},
		"version 8":       {"GET /ws/connect/ HTTP/1.1\r\n" + strings.Replace(upgrade, "13", "8", 1) + key, 426},
		"no key":          {"GET /ws/connect/ HTTP/1.1\r\n" + upgrade, 400},
		"two keys":        {"GET /ws/connect/ HTTP/1.1\r\n" + upgrade + key + key, 400},
		"short key":       {"GET /ws/connect/ HTTP/1.1\r\n" + upgrade + "Sec-WebSocket-Key: abc\r\n", 400},
		"body":            {"GET /ws/connect/ HTTP/1.1\r\nContent-Length: 5\r\n" + upgrade + key, 400},
		"chunked body":    {"GET /ws/connect/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + upgrade + key, 400},
		"other path":      {"GET /ws/connect/x HTTP/1.1\r\n" + upgrade + key, 404},
		"doubled slash":   {"GET //ws/connect/ HTTP/1.1\r\n" + upgrade + key, 404},
		"upper case":      {"GET /WS/CONNECT/ HTTP/1.1\r\n" + upgrade + key, 404},
		"unknown path":    {"GET /nope HTTP/1.1\r\n", 404},
		"the right thing": {"GET /ws/connect/ HTTP/1.1\r\n" + upgrade + key, 101},
	} {
		t.Run(name, func(t *testing.T) {
			conn := rawDial(t, s)
			fmt.Fprintf(conn, "%sHost: %s\r\n\r\n", c.request, s.address)
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode != c.want {
				t.Errorf("the answer is %d, want %d", answer.StatusCode, c.want)
			}
		})
	}
}

// Hundreds of frames in one breath are answered one by one, in order, even
// when the client closes right behind them.
func TestPipelinedFramesAreAnsweredInOrder(t *testing.T) {
	readers(t, testPipelinedFramesAreAnsweredInOrder)
}

func testPipelinedFramesAreAnsweredInOrder(t *testing.T) {
	s := start(t)
	c := dial(t, s, "/ws/connect/?email=user@example.com")
	const n = 5000
	go func() {
		for i := range n {
			if err := c.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, `{"message": %d}`, i)); err != nil {
				return // the reading side sees it
			}
		}
		_ = c.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(4321, "bye"))
	}()
	if got := c.read(); got != greeting {
		t.Fatalf("the first frame is %s", got)
	}
	for i := range n {
		want := fmt.Sprintf(`{"type": "message", "message": "Server received: %d", "from": "user@example.com"}`, i)
		if got := c.read(); got != want {
			t.Fatalf("reply %d is %s", i, got)
		}
	}
	c.wantClose(rollcall.Close{Code: 4321})
}

// A binary message is refused in words, and the connection stays.
func TestBinaryMessageIsRefusedAndTheConnectionStays(t *testing.T) {
	readers(t, testBinaryMessageIsRefusedAndTheConnectionStays)
}

func testBinaryMessageIsRefusedAndTheConnectionStays(t *testing.T) {
	c := dial(t, start(t), "/ws/connect/?email=user@example.com")
	c.read()
	c.write(websocket.BinaryMessage, `{"message": "x"}`)
	if got := c.read(); got != `{"type": "error", "message": "Text frame expected"}` {
		t.Errorf("a binary message was answered %s", got)
	}
	c.write(websocket.TextMessage, `{"message": "still open?"}`)
	if got := c.read(); !strings.Contains(got, "still open?") {
		t.Errorf("the next message was answered %s", got)
	}
}

// The code of a client's close comes back to it; an empty one means 1000.
func TestCloseIsAnsweredWithTheSameCode(t *testing.T) { readers(t, testCloseIsAnsweredWithTheSameCode) }

func testCloseIsAnsweredWithTheSameCode(t *testing.T) {
	s := start(t)
	for payload, want := range map[string]int{
		"": 1000, string(websocket.FormatCloseMessage(1000, "")): 1000,
		string(websocket.FormatCloseMessage(1001, "tab")): 1001, string(websocket.FormatCloseMessage(4999, "")): 4999,
	} {
		c := dial(t, s, "/ws/connect/?email=user@example.com")
		c.read()
		c.write(websocket.CloseMessage, payload)
		c.wantClose(rollcall.Close{Code: want})
		within(t, "the session to leave", func() bool { return s.presence.online() == 0 })
	}
}

// The answer to a goodbye waits until the session is gone, but not for ever.
func TestGoodbyeIsAnsweredEvenIfNobodyNotesIt(t *testing.T) {
	readers(t, testGoodbyeIsAnsweredEvenIfNobodyNotesIt)
}

func testGoodbyeIsAnsweredEvenIfNobodyNotesIt(t *testing.T) {
	s := start(t)
	s.presence.deaf = true
	c := dial(t, s, "/ws/connect/?email=user@example.com")
	c.read()
	c.write(websocket.CloseMessage, string(websocket.FormatCloseMessage(4321, "")))
	c.wantClose(rollcall.Close{Code: 4321})
}

// Whoever breaks a rule that is ours still gets the replies that were due.
func TestRepliesComeBeforeTheCloseOfAViolation(t *testing.T) {
	readers(t, testRepliesComeBeforeTheCloseOfAViolation)
}

func testRepliesComeBeforeTheCloseOfAViolation(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxMessageRate = 3 })
	for name, violation := range map[string][]byte{"bad text": masked(0x81, "\xff"), "too fast": masked(0x81, "{}")} {
		t.Run(name, func(t *testing.T) {
			raw := upgraded(t, s, "/ws/connect/?email=user@example.com")
			raw.frame()
			three := bytes.Repeat(masked(0x81, `{"message": "due"}`), 3)
			if _, err := raw.Write(append(three, violation...)); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if opcode, payload := raw.frame(); opcode != 1 || !strings.Contains(string(payload), "due") {
					t.Errorf("before the replies came opcode %d with %q", opcode, payload)
				}
			}
			if opcode, _ := raw.frame(); opcode != 8 {
				t.Errorf("after the replies came opcode %d, want the close", opcode)
			}
		})
	}
}

// A client that breaks the protocol is told so, and nobody else notices.
func TestViolationsCloseOnlyTheirOwnSocket(t *testing.T) {
	readers(t, testViolationsCloseOnlyTheirOwnSocket)
}

func testViolationsCloseOnlyTheirOwnSocket(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxMessage = 1000 })
	bystander := dial(t, s, "/ws/connect/?email=alice@example.com")
	bystander.read()
	huge := make([]byte, 8)
	binary.BigEndian.PutUint64(huge, 1<<40)
	beyond := bytes.Repeat([]byte{0xff}, 8)
	for name, c := range map[string]struct {
		bytes []byte
		want  int
	}{
		"unmasked":                   {[]byte{0x81, 0x02, '{', '}'}, 1002},
		"reserved bit":               {masked(0xC1, "{}"), 1002},
		"reserved opcode":            {masked(0x83, "{}"), 1002},
		"reserved control opcode":    {masked(0x8B, ""), 1002},
		"continuation of nothing":    {masked(0x80, "{}"), 1002},
		"text within a text":         {append(masked(0x01, "{"), masked(0x81, "}")...), 1002},
		"fragmented ping":            {masked(0x09, ""), 1002},
		"long ping":                  {masked(0x89, strings.Repeat("x", 126)), 1002},
		"close with 1005":            {masked(0x88, "\x03\xed"), 1002},
		"close with 999":             {masked(0x88, "\x03\xe7"), 1002},
		"close with a bad reason":    {masked(0x88, "\x03\xe8\xff"), 1002},
		"text that is not UTF-8":     {masked(0x81, "\xff"), 1007},
		"text cut within a rune":     {masked(0x81, "\xc3"), 1007},
		"too big":                    {masked(0x81, strings.Repeat("x", 1001)), 1009},
		"too big in fragments":       {append(masked(0x01, strings.Repeat("x", 600)), masked(0x80, strings.Repeat("x", 600))...), 1009},
		"announces a tebibyte":       {append([]byte{0x81, 0xff}, append(huge, 0, 0, 0, 0)...), 1009},
		"announces more than 2^63-1": {append([]byte{0x81, 0xff}, append(beyond, 0, 0, 0, 0)...), 1009},
	} {
		t.Run(name, func(t *testing.T) {
			raw := upgraded(t, s, "/ws/connect/?email=user@example.com")
			raw.frame() // the greeting
			if _, err := raw.Write(c.bytes); err != nil {
				t.Fatal(err)
			}
			opcode, payload := raw.frame()
			if opcode != 8 || len(payload) < 2 || int(binary.BigEndian.Uint16(payload)) != c.want {
				t.Errorf("the answer is opcode %d with %q, want a close with %d", opcode, payload, c.want)
			}
			within(t, "the session to leave", func() bool { return s.presence.online() == 1 })
		})
	}
	bystander.write(websocket.TextMessage, `{}`)
	bystander.read()
}

// A message in pieces with a ping between them is one message, and the ping is answered.
func TestFragmentsWithAPingBetween(t *testing.T) { readers(t, testFragmentsWithAPingBetween) }

func testFragmentsWithAPingBetween(t *testing.T) {
	raw := upgraded(t, start(t), "/ws/connect/?email=user@example.com")
	raw.frame()
	_, _ = raw.Write(masked(0x01, `{"message": "fr`))
	_, _ = raw.Write(masked(0x89, `are you there`))
	_, _ = raw.Write(masked(0x80, `ag"}`))
	if opcode, payload := raw.frame(); opcode != 10 || string(payload) != "are you there" {
		t.Errorf("the ping was answered with opcode %d and %q", opcode, payload)
	}
	if _, payload := raw.frame(); !strings.Contains(string(payload), "Server received: frag") {
		t.Errorf("the message was answered %q", payload)
	}
}

// A lost network: silence is asked about, and then believed. Whoever answers stays.
func TestSilentClientEndsAndAnsweringOneStays(t *testing.T) {
	readers(t, testSilentClientEndsAndAnsweringOneStays)
}

func testSilentClientEndsAndAnsweringOneStays(t *testing.T) {
	s := start(t, func(c *Config) { c.PingInterval, c.PongTimeout = 100*time.Millisecond, 500*time.Millisecond })
	answering := dial(t, s, "/ws/connect/?email=alice@example.com")
	answering.read()
	pings := make(chan struct{}, 1000)
	answer := answering.PingHandler()
	answering.SetPingHandler(func(payload string) error {
		pings <- struct{}{}
		return answer(payload)
	})
	go func() { _, _, _ = answering.NextReader() }()
	silent := upgraded(t, s, "/ws/connect/?email=user@example.com")
	silent.frame()
	if opcode, _ := silent.frame(); opcode != 9 {
		t.Fatalf("after silence came opcode %d, want a ping", opcode)
	}
	if why := <-s.presence.left; why != rollcall.CloseTimeout {
		t.Errorf("the first session ended with %v", why)
	}
	for range 10 { // far beyond the timeout
		<-pings
	}
	if s.presence.online() != 1 {
		t.Errorf("%d sessions are left, want the one that answers", s.presence.online())
	}
	if _, err := silent.Read(make([]byte, 1)); err == nil {
		t.Error("the silent client's connection is open")
	}
}

// A client that sends and never reads is not read further, and takes neither
// memory nor time from others. (That its session ends after writeTimeout is
// tested on the clock alone, below.)
func TestClientThatDoesNotReadIsNotReadFurther(t *testing.T) {
	readers(t, testClientThatDoesNotReadIsNotReadFurther)
}

func testClientThatDoesNotReadIsNotReadFurther(t *testing.T) {
	s := start(t)
	raw := upgraded(t, s, "/ws/connect/?email=user@example.com")
	message := masked(0x81, `{"message": "`+strings.Repeat("x", 60_000)+`"}`)
	if err := raw.SetWriteDeadline(time.Now().Add(2 * time.Second)); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for ; sent < 1000; sent++ {
		if _, err := raw.Write(message); err != nil {
			break
		}
	}
	if sent == 1000 {
		t.Error("60 MB were taken from a client that reads nothing")
	}
	other := dial(t, s, "/ws/connect/?email=alice@example.com")
	other.read()
	other.write(websocket.TextMessage, `{}`)
	other.read()
}

// The clock finds a writer that has waited too long for its client.
func TestStalledWriterIsTooSlow(t *testing.T) { readers(t, testStalledWriterIsTooSlow) }

func testStalledWriterIsTooSlow(t *testing.T) {
	s := start(t)
	c := dial(t, s, "/ws/connect/?email=user@example.com")
	c.read()
	one := s.sockets.all()[0]
	one.stalled.Store(1)
	if one.calm(one.now(), time.Hour) {
		t.Error("the clock passes it by")
	}
	one.check(time.Hour, time.Hour)
	c.wantClose(rollcall.CloseSlow)
}

// Pushing to a client that does not read must end it, not pile up.
func TestFullQueueEndsItsSocket(t *testing.T) { readers(t, testFullQueueEndsItsSocket) }

func testFullQueueEndsItsSocket(t *testing.T) {
	s := start(t)
	raw := upgraded(t, s, "/ws/connect/?email=user@example.com")
	raw.frame()
	one := s.sockets.all()[0]
	taken := 0
	for one.Send(make([]byte, 64<<10)) {
		if taken++; taken > 10_000 {
			t.Fatal("the queue has no end")
		}
	}
	if why, ended := one.Ended(); !ended || why != rollcall.CloseSlow {
		t.Errorf("the socket ended %v with %v", ended, why)
	}
	for opcode := byte(0); opcode != 8; {
		var payload []byte
		if opcode, payload = raw.frame(); opcode == 8 && binary.BigEndian.Uint16(payload) != 4007 {
			t.Errorf("the client that read on found the close %q", payload)
		}
	}
}

func TestMessageRateIsBounded(t *testing.T) { readers(t, testMessageRateIsBounded) }

func testMessageRateIsBounded(t *testing.T) {
	s := start(t, func(c *Config) { c.MaxMessageRate = 10 })
	c := dial(t, s, "/ws/connect/?email=user@example.com")
	go func() {
		for range 30 {
			_ = c.WriteMessage(websocket.TextMessage, []byte(`{}`))
		}
	}()
	c.wantClose(rollcall.CloseRateExceeded)
}

// A full server says so over HTTP, and takes the next client when one has left.
func TestFullServerAnswers503(t *testing.T) { readers(t, testFullServerAnswers503) }

func testFullServerAnswers503(t *testing.T) {
	for name, limit := range map[string]func(*Config){
		"in all":      func(c *Config) { c.MaxConnections = 2 },
		"per address": func(c *Config) { c.MaxConnectionsPerAddress = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, limit)
			first := dial(t, s, "/ws/connect/?email=user@example.com")
			dial(t, s, "/ws/connect/?email=user@example.com")
			_, answer, err := websocket.DefaultDialer.Dial("ws://"+s.address+"/ws/connect/?email=user@example.com", nil)
			if err == nil || answer == nil || answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
				t.Fatalf("the third client got %v, %v", answer, err)
			}
			_ = first.Close()
			within(t, "a place to be free", func() bool {
				c, _, err := websocket.DefaultDialer.Dial("ws://"+s.address+"/ws/connect/?email=user@example.com", nil)
				if err == nil {
					_ = c.Close()
				}
				return err == nil
			})
		})
	}
}

// A connect waits for the database only so long.
func TestConnectThatIsNotAnsweredIsToldToComeAgain(t *testing.T) {
	readers(t, testConnectThatIsNotAnsweredIsToldToComeAgain)
}

func testConnectThatIsNotAnsweredIsToldToComeAgain(t *testing.T) {
	s := start(t, func(c *Config) { c.ConnectTimeout = 50 * time.Millisecond })
	s.presence.hang = true
	dial(t, s, "/ws/connect/?email=user@example.com").wantClose(rollcall.CloseTryAgainLater)
}

// A client that vanishes without a word leaves at once.
func TestVanishedClientLeaves(t *testing.T) { readers(t, testVanishedClientLeaves) }

func testVanishedClientLeaves(t *testing.T) {
	s := start(t)
	raw := upgraded(t, s, "/ws/connect/?email=user@example.com")
	raw.frame()
	_ = raw.Conn.(*net.TCPConn).SetLinger(0) // a reset, as after a crash
	_ = raw.Close()
	if why := <-s.presence.left; why != rollcall.CloseVanished {
		t.Errorf("the session ended with %v", why)
	}
	within(t, "the socket to be forgotten", func() bool { return len(s.sockets.all()) == 0 })
}
