package transport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
)

// goodToken0 is the one token that the fake knows, and its holder.
const goodToken0 = "0123456789abcdef0123456789abcdef01234567"

// fakePresence admits everybody whose e-mail is known, and echoes.
type fakePresence struct {
	users []rollcall.Email
	mu    sync.Mutex
	here  map[*fakeSession]rollcall.Entry
	moves uint64              // joins and leaves: the list's version
	hang  bool                // never answer a connect
	mute  bool                // have no snapshot
	deaf  bool                // never answer a goodbye
	ill   rollcall.Obstacle   // what health tells
	left  chan rollcall.Close // gets one for each session that leaves
}

func newFakePresence(users ...rollcall.Email) *fakePresence {
	return &fakePresence{users: users, here: make(map[*fakeSession]rollcall.Entry), left: make(chan rollcall.Close, 1000)}
}

func (p *fakePresence) Admit(ctx context.Context, c rollcall.Connect) (rollcall.Session, error) {
	if p.hang {
		<-ctx.Done()
		return nil, rollcall.CloseTryAgainLater
	}
	if !slices.Contains(p.users, c.Email) {
		return nil, rollcall.CloseUnknownEmail
	}
	s := &fakeSession{presence: p, Connect: c, frames: make(chan rollcall.Frame, 1000), gone: make(chan struct{})}
	go s.run()
	now := time.Now()
	p.mu.Lock()
	p.here[s] = rollcall.Entry{Email: c.Email, ConnectedAt: now, LastActivity: now}
	p.moves++
	p.mu.Unlock()
	c.Socket.Send(rollcall.Greeting(c.Email))
	return s, nil
}

func (p *fakePresence) Snapshot(context.Context) (rollcall.Snapshot, error) {
	if p.mute {
		return rollcall.Snapshot{}, context.DeadlineExceeded
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	byEmail := make(map[rollcall.Email]rollcall.Entry)
	for _, e := range p.here {
		byEmail[e.Email] = e
	}
	var entries []rollcall.Entry
	for _, e := range byEmail {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b rollcall.Entry) int { return a.ConnectedAt.Compare(b.ConnectedAt) })
	return rollcall.Snapshot{Version: p.moves, Count: len(entries), Entries: slices.Values(entries)}, nil
}

// Version has always to be asked for.
func (p *fakePresence) Version() (version uint64, known bool) { return 0, false }

func (p *fakePresence) Health(context.Context) rollcall.Health {
	p.mu.Lock()
	defer p.mu.Unlock()
	return rollcall.Health{Obstacle: p.ill, Sessions: len(p.here), Committed: time.Now(), Lease: 15 * time.Second}
}

// online counts the sessions.
func (p *fakePresence) online() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.here)
}

// fakeSession answers like the real one.
type fakeSession struct {
	rollcall.Connect
	presence *fakePresence
	frames   chan rollcall.Frame
	gone     chan struct{}
}

// Receive does not answer by itself, as an actor does not.
func (s *fakeSession) Receive(f rollcall.Frame) { s.frames <- f }

func (s *fakeSession) run() {
	for {
		select {
		case f := <-s.frames:
			s.answer(f)
		case <-s.gone:
			return
		}
	}
}

func (s *fakeSession) answer(f rollcall.Frame) {
	defer f.Release()
	reply := rollcall.TextExpected()
	if text, ok := f.Text(); ok {
		reply = rollcall.Reply(s.Email, text)
	}
	s.Socket.Send(reply)
}

func (s *fakeSession) Leave() {
	p := s.presence
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, here := p.here[s]; here {
		delete(p.here, s)
		p.moves++
		close(s.gone)
		why, _ := s.Socket.Ended()
		p.left <- why
		if !p.deaf {
			go s.Socket.Close(why)
		}
	}
}

// fakeTokens knows one good token, and one whose user is inactive.
type fakeTokens struct {
	mu      sync.Mutex
	away    bool
	revoked bool
	asked   int
}

func (t *fakeTokens) Holders(_ context.Context, hashes []rollcall.TokenHash) (map[rollcall.TokenHash]rollcall.Holder, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked++
	if t.away {
		return nil, errors.New("the database is away")
	}
	found := make(map[rollcall.TokenHash]rollcall.Holder)
	for _, h := range hashes {
		switch {
		case h == rollcall.HashToken(goodToken0) && !t.revoked:
			found[h] = rollcall.Holder{Email: "alice@example.com", Active: true}
		case h == rollcall.HashToken("inactive"):
			found[h] = rollcall.Holder{Email: "bob@example.com"}
		}
	}
	return found, nil
}

// testServer is a server on a port of its own.
type testServer struct {
	*Server
	presence *fakePresence
	tokens   *fakeTokens
	address  string
}

// readBy is what start runs a server with.
var readBy = ReaderAuto

// readers runs a test once with each way to wait for clients that there is here.
func readers(t *testing.T, test func(*testing.T)) {
	t.Helper()
	for _, r := range []Reader{ReaderPark, ReaderGoroutine} {
		if r == ReaderPark && !CanPark {
			continue
		}
		t.Run(string(r), func(t *testing.T) {
			readBy = r
			defer func() { readBy = ReaderAuto }()
			test(t)
		})
	}
}

// start runs a server; its limits may be changed first.
func start(t testing.TB, change ...func(*Config)) *testServer {
	t.Helper()
	s := &testServer{presence: newFakePresence("user@example.com", "alice@example.com"), tokens: &fakeTokens{}}
	c := Config{
		Presence: s.presence, Tokens: s.tokens, Logger: slog.New(slog.DiscardHandler),
		MaxMessage: 1 << 20, MaxConnections: 1000, Reader: readBy,
		PingInterval: 20 * time.Second, PongTimeout: 30 * time.Second, ConnectTimeout: 5 * time.Second,
	}
	for _, f := range change {
		f(&c)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Server, s.address = New(c), l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("the server ended with %v", err)
		}
	})
	return s
}
