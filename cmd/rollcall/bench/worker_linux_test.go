package bench

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net"
	"testing"
	"time"
)

// handshaken is how a server begins that accepts.
const handshaken = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + accept + "\r\n\r\n"

const (
	greeting = `{"type": "connection_established", "message": "Connected successfully as bench0@bench.invalid"}`
	reply    = `{"type": "message", "message": "Server received: x", "from": "bench0@bench.invalid"}`
)

// Whatever a server does wrong must be seen, and by its name: a bench that takes a
// refusal for a greeting says that a broken server is fast.
func TestFailuresAreCountedByTheirCause(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		failed map[string]int
	}{
		"greets":               {handshaken + string(serverFrame(opText, greeting)), nil},
		"is full":              {"HTTP/1.1 503 Service Unavailable\r\n\r\n", map[string]int{"HTTP 503": 1}},
		"knows nobody":         {handshaken + string(serverFrame(opClose, "\x0f\xa1unknown")), map[string]int{"close 4001": 1}},
		"hangs up":             {handshaken, map[string]int{"the end of the connection": 1}},
		"speaks unasked":       {handshaken + string(serverFrame(opText, "hello")), map[string]int{`a frame that nobody asked for: "hello"`: 1}},
		"replies too early":    {handshaken + string(serverFrame(opText, reply)), map[string]int{`a frame that nobody asked for: "{\"type\": \"message\", \"message\": \"Server r"`: 1}},
		"sends a masked frame": {handshaken + string(appendFrame(nil, opText, []byte(greeting))), map[string]int{errFrame.Error(): 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := work(t, func(conn net.Conn) { say(conn, test.answer, len(test.answer)) })
			got := w.do(step{Do: doConnect, Count: 1, Concurrency: 1})
			if !maps.Equal(got.Failed, test.failed) || got.Done != 1-len(test.failed) {
				t.Errorf("%d sockets were greeted, and failed: %v", got.Done, got.Failed)
			}
		})
	}
}

// The kernel hands over what it has: a head, a greeting and a reply may come in
// pieces of one byte, and several replies in one piece.
func TestRepliesAreCountedHoweverTheyAreCut(t *testing.T) {
	const depth = 4
	w := work(t, func(conn net.Conn) {
		say(conn, handshaken+string(serverFrame(opText, greeting)), 1)
		for n := 0; ; n++ {
			count := hear(conn)
			size := 1
			if n%2 > 0 {
				size = count * len(serverFrame(opText, reply))
			}
			if count == 0 {
				return
			}
			say(conn, string(bytes.Repeat(serverFrame(opText, reply), count)), size)
		}
	})
	if got := w.do(step{Do: doConnect, Count: 1, Concurrency: 1}); got.Done != 1 {
		t.Fatalf("the greeting did not come: %v", got.Failed)
	}
	got := w.do(step{Do: doEcho, Depth: depth, Size: 1, For: 200 * time.Millisecond})
	if got.Done < 2*depth || got.failures() > 0 || got.Latency.Count != got.Done {
		t.Errorf("%d replies were counted, %d times noted, and failed: %v", got.Done, got.Latency.Count, got.Failed)
	}
}

// A client that does not answer a ping is closed by the server, in the middle of
// an idle measurement.
func TestPingsAreAnsweredWhileNothingElseHappens(t *testing.T) {
	answered := make(chan string, 1)
	w := work(t, func(conn net.Conn) {
		say(conn, handshaken+string(serverFrame(opText, greeting))+string(serverFrame(opPing, "are you there")), 1000)
		pong := make([]byte, len(appendFrame(nil, opPong, []byte("are you there"))))
		_, _ = io.ReadFull(conn, pong) // what came is compared
		answered <- string(pong)
		_, _ = io.Copy(io.Discard, conn)
	})
	got := w.do(step{Do: doConnect, Count: 1, Concurrency: 1})
	if pong, want := <-answered, string(appendFrame(nil, opPong, []byte("are you there"))); pong != want {
		t.Errorf("the ping was answered %q, want %q", pong, want)
	}
	held := w.do(step{Do: doHold, For: 10 * time.Millisecond})
	if got.Pings+held.Pings != 1 || held.Done != 1 || held.failures() > 0 {
		t.Errorf("%d pings were counted, and %d sockets are there: %v", got.Pings+held.Pings, held.Done, held.Failed)
	}
}

// A socket that leaves says goodbye, and has left when the server has said it too.
func TestGoodbyeIsWaitedFor(t *testing.T) {
	heard := make(chan string, 1)
	w := work(t, func(conn net.Conn) {
		say(conn, handshaken+string(serverFrame(opText, greeting)), 1000)
		said := make([]byte, len(goodbye))
		_, _ = io.ReadFull(conn, said) // what came is compared
		heard <- string(said)
		say(conn, string(serverFrame(opClose, "\x03\xe8")), 1)
	})
	w.do(step{Do: doConnect, Count: 1, Concurrency: 1})
	got := w.do(step{Do: doLeave})
	if said := <-heard; said != string(goodbye) || got.Done != 1 || got.failures() > 0 {
		t.Errorf("the server heard %q; %d have left, and failed: %v", said, got.Done, got.Failed)
	}
}

// atWork is a worker in this process, and its one server.
type atWork struct {
	*testing.T
	orders  *json.Encoder
	answers *json.Decoder
}

// work starts a worker and a server that treats every connection the same, once
// it has read the handshake, and closes it then.
func work(t *testing.T, serve func(net.Conn)) *atWork {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if hearHead(conn) {
				serve(conn)
			}
			_ = conn.Close()
		}
	}()
	orders, toWorker := io.Pipe()
	fromWorker, answers := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Work(t.Context(), orders, answers) }()
	t.Cleanup(func() {
		_ = toWorker.Close()
		if err := <-ended; err != nil {
			t.Errorf("the worker ended with %v", err)
		}
		_ = l.Close()
	})
	w := &atWork{t, json.NewEncoder(toWorker), json.NewDecoder(fromWorker)}
	if err := w.orders.Encode(assignment{Address: l.Addr().String(), Addresses: 2, Users: 10}); err != nil {
		t.Fatal(err)
	}
	return w
}

// do has the worker carry out a step.
func (w *atWork) do(s step) tally {
	w.Helper()
	if err := w.orders.Encode(s); err != nil {
		w.Fatal(err)
	}
	for {
		var n news
		if err := w.answers.Decode(&n); err != nil || n.Error != "" {
			w.Fatalf("the worker says %q, %v", n.Error, err)
		}
		if n.Over {
			return n.Tally
		}
	}
}

// hearHead reads a request up to its end.
func hearHead(conn net.Conn) bool {
	var b []byte
	for one := make([]byte, 1); !bytes.HasSuffix(b, []byte("\r\n\r\n")); {
		if _, err := conn.Read(one); err != nil {
			return false
		}
		b = append(b, one...)
	}
	return true
}

// hear reads what is there of the messages of one character that an echo sends, and
// the rest of the last of them; 0 when the client is gone.
func hear(conn net.Conn) int {
	size := len(appendFrame(nil, opText, []byte(`{"message": "x"}`)))
	b := make([]byte, 100*size)
	n, err := io.ReadAtLeast(conn, b, 1)
	if missing := (size - n%size) % size; err == nil {
		_, err = io.ReadFull(conn, b[:missing])
		n += missing
	}
	if err != nil {
		return 0
	}
	return n / size
}

// say writes in pieces. The client may be gone.
func say(conn net.Conn, text string, size int) {
	for len(text) > 0 {
		n := min(size, len(text))
		if _, err := io.WriteString(conn, text[:n]); err != nil {
			return
		}
		text = text[n:]
	}
}
