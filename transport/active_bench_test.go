package transport

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
)

const (
	benchUsers = 10_000
	// benchClients is how many connections ask at once.
	benchClients = 16
	// askerBuffer is what a client reads at once.
	askerBuffer = 256 << 10
	// benchChange is the pause between two changes of the list: 500 a second.
	benchChange = 2 * time.Millisecond
)

// BenchmarkList asks for the list of 10,000 users over sockets of this machine,
// both ends of which are in this process. The handler that answers ok, and does
// nothing else, is what the others are to be compared with.
func BenchmarkList(b *testing.B) {
	crowd := newCrowd(benchUsers)
	s := start(b, func(c *Config) { c.Presence = crowd })
	ok := startOK(b)
	plain := "Authorization: Token " + goodToken0 + "\r\n"
	zipped := plain + "Accept-Encoding: gzip\r\n"
	known := zipped + "If-None-Match: " + s.editions.tags.tag(0) + "\r\n"
	b.Run("ok", func(b *testing.B) { askTogether(b, ok, known, "200 OK") })
	b.Run("304", func(b *testing.B) { askTogether(b, s.address, known, "304 Not Modified") })
	b.Run("gzip", func(b *testing.B) { askTogether(b, s.address, zipped, "200 OK") })
	b.Run("plain", func(b *testing.B) { askTogether(b, s.address, plain, "200 OK") })
	b.Run("changing/gzip", func(b *testing.B) {
		crowd.changing(b)
		askTogether(b, s.address, zipped, "200 OK")
	})
	b.Run("changing/plain", func(b *testing.B) {
		crowd.changing(b)
		askTogether(b, s.address, plain, "200 OK")
	})
}

// BenchmarkText writes the list of 10,000 users for the first who asks.
func BenchmarkText(b *testing.B) {
	s, _ := newCrowd(benchUsers).Snapshot(b.Context())
	for name, gzip := range map[string]bool{"plain": false, "gzip": true} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				(&text{}).fill(s, gzip)
			}
		})
	}
}

// crowd is a presence of so many users, who only change their version.
type crowd struct {
	rollcall.Presence
	entries []rollcall.Entry
	version atomic.Uint64
}

func newCrowd(users int) *crowd {
	c := &crowd{}
	at := time.Date(2025, 10, 21, 12, 30, 0, 0, time.UTC)
	for n := range users {
		at = at.Add(time.Duration(n*7919%10_000) * time.Microsecond)
		c.entries = append(c.entries, rollcall.Entry{Email: rollcall.Email(fmt.Sprintf("user%d@example.com", n)),
			ConnectedAt: at, LastActivity: at.Add(time.Duration(n*104_729%60_000_000) * time.Microsecond)})
	}
	return c
}

func (c *crowd) Snapshot(context.Context) (rollcall.Snapshot, error) {
	return rollcall.Snapshot{Version: c.version.Load(), Count: len(c.entries), Entries: slices.Values(c.entries)}, nil
}

// Version has always to be asked for.
func (c *crowd) Version() (version uint64, known bool) { return 0, false }

// changing changes the list until the benchmark is over.
func (c *crowd) changing(b *testing.B) {
	b.Helper()
	every := time.NewTicker(benchChange)
	over := make(chan struct{})
	go func() {
		for {
			select {
			case <-every.C:
				c.version.Add(1)
			case <-over:
				return
			}
		}
	}()
	b.Cleanup(func() { every.Stop(); close(over) })
}

// startOK serves the handler that answers ok, with the same timeouts, and returns
// its address.
func startOK(b *testing.B) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &http.Server{
		ReadHeaderTimeout: headTimeout, ReadTimeout: requestTimeout, WriteTimeout: answerTimeout, IdleTimeout: idleTimeout,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }),
	}
	go func() { _ = s.Serve(l) }()
	b.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// askTogether is b.N requests over benchClients connections that stay open.
func askTogether(b *testing.B, address, headers, want string) {
	b.Helper()
	b.SetParallelism(max(1, benchClients/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		a := newAsker(b, address, headers)
		for pb.Next() {
			if status, err := a.ask(); err != nil || status != want {
				b.Errorf("the answer is %s, %v", status, err)
				return
			}
		}
	})
}

// asker is a client that costs as little as it can, since it shares the machine
// with what is measured.
type asker struct {
	conn    net.Conn
	r       *bufio.Reader
	request []byte
}

func newAsker(b *testing.B, address, headers string) *asker {
	b.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	request := "GET " + activePath + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n"
	return &asker{conn, bufio.NewReaderSize(conn, askerBuffer), []byte(request)}
}

// ask sends the request and reads the answer, whose status it returns.
func (a *asker) ask() (status string, err error) {
	if _, err := a.conn.Write(a.request); err != nil {
		return "", err
	}
	length := 0
	for {
		line, err := a.r.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		line = bytes.TrimSpace(line)
		if rest, found := bytes.CutPrefix(line, []byte("HTTP/1.1 ")); found {
			status = string(rest)
		}
		if rest, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			length, _ = strconv.Atoi(string(rest))
		}
		if len(line) == 0 {
			_, err := a.r.Discard(length)
			return status, err
		}
	}
}
